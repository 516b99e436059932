//! Very many who connect and say nothing.

use super::goes_on;
use atm_rpc::transport::CUSTOMER;
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use futures::{StreamExt, stream};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

const CROWD: u32 = 2_000;
/// From one address, below the bound for one that is in force unless it is configured.
const FROM_ONE: u32 = 50;
/// What a silent connection may cost atmd at the most.
const EACH_KIB: u64 = 64;

/// The memory that an atmd has in use.
pub(super) fn resident_kib(atmd: &Atmd) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", atmd.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn source(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 190, 1, u8::try_from(n / FROM_ONE).unwrap() + 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_silent_connections_cost_little_and_keep_nobody_out() {
    let bounds = Options::default()
        .set("server.max_connections", "3000")
        .set("server.max_connections_per_peer", "64")
        .set("server.login_timeout", "10m");
    let atmd = Atmd::start(&bounds);
    goes_on(&atmd).await;
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let mut customer = link::logged_in(&atmd, mobile).await;
    let before = resident_kib(&atmd);
    let arriving =
        stream::iter(0..CROWD).map(|n| link::stream(&atmd, CUSTOMER, source(n))).buffer_unordered(32);
    let mut arriving = std::pin::pin!(arriving);
    let mut crowd = Vec::new();
    while let Some(silent) = arriving.next().await {
        crowd.push(silent);
        if crowd.len() % 100 == 0 {
            let receipt = customer.deposit(RequestKey::generate(), rupees(1)).await.unwrap();
            assert_eq!(receipt.balance, rupees(i64::try_from(crowd.len()).unwrap() / 100));
        }
    }
    let each = resident_kib(&atmd).saturating_sub(before) / u64::from(CROWD);
    assert!(each < EACH_KIB, "{each} KiB each");
    // All are still there, and so is room for those who come.
    let status = link::operator(&atmd).await.status(link::patient()).await.unwrap().unwrap();
    assert!(status.connections_active >= u64::from(CROWD), "{status:?}");
    goes_on(&atmd).await;
    drop(crowd);
    goes_on(&atmd).await;
}
