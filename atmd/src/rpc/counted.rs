//! Customers' calls on their way to the service, counted by method and outcome.

use super::customer::CustomerConnection;
use atm_rpc::customer::{Customer as _, CustomerRequest, CustomerResponse};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::metrics::Side;
use std::sync::Arc;
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::Serve;

/// A customer's connection whose calls are counted.
#[derive(Clone, Debug)]
pub(super) struct Counted(pub(super) CustomerConnection);

impl Serve for Counted {
    type Req = CustomerRequest;
    type Resp = CustomerResponse;

    async fn serve(self, context: Context, call: CustomerRequest) -> Result<CustomerResponse, ServerError> {
        let monitor = Arc::clone(&self.0.services.monitor);
        let counted = monitor.requests(Side::Customer).begin(place(&call));
        let answered = self.0.serve().serve(context, call).await;
        let error = answered.as_ref().ok().and_then(error_of);
        monitor.rejected(error);
        counted.answered(error);
        answered
    }
}

macro_rules! methods {
    ($($method:ident $name:literal,)+) => {
        /// What customers can call, in the order of their places.
        pub const METHODS: &[&str] = &["version", $($name),+];

        /// The place of a call's method.
        const fn place(call: &CustomerRequest) -> usize {
            enum Place { Version, $($method),+ }
            match call {
                CustomerRequest::Version {} => Place::Version as usize,
                $(CustomerRequest::$method { .. } => Place::$method as usize,)+
            }
        }

        /// The error that an answer has.
        const fn error_of(response: &CustomerResponse) -> Option<&ServiceError> {
            match response {
                CustomerResponse::Version(_) => None,
                $(CustomerResponse::$method(result) => match result {
                    Ok(_) => None,
                    Err(error) => Some(error),
                },)+
            }
        }
    };
}

methods! {
    Lookup "lookup",
    Register "register",
    Login "login",
    Resume "resume",
    Balance "balance",
    Withdraw "withdraw",
    Deposit "deposit",
    Statement "statement",
    Outcome "outcome",
    ChangePin "change_pin",
    Redeem "redeem",
    Exit "exit",
    Notice "notice",
}

#[cfg(test)]
mod tests {
    use super::*;
    use tarpc::RequestName;

    #[test]
    fn calls_are_counted_under_the_names_of_the_service() {
        for call in [CustomerRequest::Version {}, CustomerRequest::Balance {}, CustomerRequest::Exit {}] {
            assert_eq!(call.name(), format!("Customer.{}", METHODS[place(&call)]));
        }
        assert_eq!(METHODS.len(), 14);
    }
}
