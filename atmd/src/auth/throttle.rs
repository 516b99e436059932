//! A bucket of attempts per peer address: what makes trying many numbers slow.

use crate::live::Rate;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Addresses that are remembered at a time.
const PEERS_MAX: usize = 65_536;

/// The buckets.
#[derive(Debug, Default)]
pub struct Throttle {
    /// When each bucket will be full again.
    full_at: HashMap<IpAddr, Instant>,
}

impl Throttle {
    /// Takes one attempt out of a peer's bucket of that size.
    ///
    /// # Errors
    /// The time until there is one again.
    pub fn take(&mut self, peer: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        if self.full_at.len() >= PEERS_MAX {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        let peer = network(peer);
        if self.full_at.len() >= PEERS_MAX && !self.full_at.contains_key(&peer) {
            return Err(rate.refill());
        }
        let full_at = self.full_at.entry(peer).or_insert(now);
        let missing = full_at.saturating_duration_since(now);
        if let Some(wait) = missing.checked_sub(rate.room()).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        *full_at = now + missing + rate.refill();
        Ok(())
    }
}

/// Who counts as one peer: one subscriber has a whole /64 of IPv6 addresses.
#[must_use]
pub fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let mut throttle = Throttle::default();
        let rate = Rate { burst: 3, per_minute: 60 };
        let start = monotonic();
        let peer = IpAddr::from([127, 0, 0, 1]);
        let take = |throttle: &mut Throttle, ms| throttle.take(peer, rate, start + Duration::from_millis(ms));
        for _ in 0..3 {
            assert_eq!(take(&mut throttle, 0), Ok(()));
        }
        assert_eq!(take(&mut throttle, 0), Err(Duration::from_secs(1)));
        assert_eq!(take(&mut throttle, 400), Err(Duration::from_millis(600)));
        assert_eq!(take(&mut throttle, 1_000), Ok(()));
        assert!(take(&mut throttle, 1_000).is_err());
        let larger = Rate { burst: 4, ..rate };
        assert_eq!(
            throttle.take(peer, larger, start + Duration::from_secs(1)),
            Ok(()),
            "the size may change"
        );
        let other = IpAddr::from([127, 0, 0, 2]);
        assert_eq!(throttle.take(other, rate, start), Ok(()), "each peer has its own");
    }

    #[test]
    fn a_subscriber_is_one_peer_whatever_address_it_takes() {
        let same = [("::ffff:127.0.0.1", "127.0.0.1"), ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2")];
        for (a, b) in same {
            assert_eq!(network(a.parse().unwrap()), network(b.parse().unwrap()));
        }
    }

    #[test]
    fn the_table_is_bounded() {
        let mut throttle = Throttle::default();
        let rate = Rate { burst: 1, per_minute: 1 };
        let now = monotonic();
        for n in 0..u32::try_from(PEERS_MAX).unwrap() + 10 {
            let _ = throttle.take(IpAddr::from(n.to_be_bytes()), rate, now);
        }
        assert_eq!(throttle.full_at.len(), PEERS_MAX);
    }
}
