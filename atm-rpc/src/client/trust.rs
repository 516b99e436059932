//! What to do where the two ends of a connection do not take each other's certificates.

use rustls::{AlertDescription, CertificateError, Error};
use std::io;

/// What to do about a handshake that failed, where TLS says what is wrong with a certificate.
#[must_use]
pub fn cure(error: &io::Error) -> Option<&'static str> {
    use CertificateError as Wrong;
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidCertificate(wrong) => Some(match wrong {
            Wrong::Expired | Wrong::ExpiredContext { .. } => {
                "The server's certificate has ended: it has to be renewed there. See that this machine's clock is right."
            }
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                "The server's certificate is not valid yet: see that the clocks of this machine and of the server are right."
            }
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                "The server's certificate is not for this address: use one of its names, or add this one to [server] names there."
            }
            Wrong::InvalidPurpose | Wrong::InvalidPurposeContext { .. } => {
                "The certificate is not one for servers: the server needs another one."
            }
            Wrong::UnknownIssuer | Wrong::BadSignature => {
                "The server's certificate is of another CA than the one that is trusted here: copy public/ca.pem from atmd's data \
                 directory, or take the CA of the site whose certificate it is."
            }
            _ => return None,
        }),
        Error::AlertReceived(AlertDescription::CertificateExpired) => Some(
            "The operator's certificate has ended or is not valid yet: an administrator renews it (atmctl operator renew, \
             atmd pki renew for root). See that the clocks are right.",
        ),
        Error::AlertReceived(AlertDescription::UnknownCA | AlertDescription::DecryptError) => {
            Some("The operator's certificate is of another CA: use an identity that this atmd certified.")
        }
        Error::AlertReceived(AlertDescription::UnsupportedCertificate) => {
            Some("The certificate is not one for operators: use an identity that this atmd certified.")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tls_says_is_told_with_what_to_do() {
        let table = [
            (Error::InvalidCertificate(CertificateError::Expired), Some("has ended")),
            (Error::InvalidCertificate(CertificateError::NotValidForName), Some("[server] names")),
            (Error::AlertReceived(AlertDescription::CertificateExpired), Some("atmctl operator renew")),
            (Error::AlertReceived(AlertDescription::UnsupportedCertificate), Some("not one for operators")),
            (Error::AlertReceived(AlertDescription::NoApplicationProtocol), None),
        ];
        for (error, expected) in table {
            let said = cure(&io::Error::other(error.clone()));
            assert_eq!(said.is_some(), expected.is_some(), "{error:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{error:?}: {said:?}");
        }
        assert_eq!(cure(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }
}
