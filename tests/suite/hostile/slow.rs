//! Who sends slowly, never, or does not read what comes.

use super::crowd::resident_kib;
use super::{framed, goes_on, own_source, rest, told_once};
use atm_rpc::customer::{CustomerRequest, CustomerResponse};
use atm_rpc::transport::tls;
use atm_rpc::transport::wire::{ToClient, ToServer};
use atm_rpc::transport::{CUSTOMER, OPERATOR};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, address};
use atm_tests::wait::PATIENCE;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;

/// A call of a stranger, in a frame.
fn version(id: u64) -> Vec<u8> {
    let message = ToServer::Request { id, deadline_ms: 30_000, call: CustomerRequest::Version {} };
    framed(&CUSTOMER.format.encode(&message).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_byte_by_byte_is_answered() {
    let atmd = Atmd::start(&Options::default());
    let mut stream = link::stream(&atmd, CUSTOMER, own_source()).await;
    for byte in version(5) {
        // A record of TLS for each byte.
        stream.write_all(&[byte]).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.unwrap();
    let mut content = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut content).await.unwrap();
    let answer: ToClient<CustomerResponse> = CUSTOMER.format.decode(&content).unwrap();
    assert!(answer.id == 5 && matches!(answer.result, Ok(CustomerResponse::Version(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_has_its_time_however_its_bytes_come() {
    let atmd = Atmd::start(&Options::default());
    let mut told = Vec::new();
    for service in [CUSTOMER, OPERATOR] {
        // The head of a record of 256 bytes with a greeting, and then nothing.
        let peer = own_source();
        let mut half = link::tcp(address(&atmd, service), peer).await;
        half.write_all(&[0x16, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]).await.unwrap();
        told.push((format!("half a greeting for {}", super::name(service)), peer, "handshake took too long"));
        // The same, whose bytes never stop.
        let peer = own_source();
        let (read, mut drip) = link::tcp(address(&atmd, service), peer).await.into_split();
        told.push((format!("drops for {}", super::name(service)), peer, "handshake took too long"));
        let dripping = tokio::spawn(async move {
            drip.write_all(&[0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, 3, 3]).await.unwrap();
            while drip.write_all(&[0]).await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        assert_eq!((rest(half).await, rest(read).await), (vec![], vec![]));
        dripping.await.unwrap();
    }
    tokio::task::block_in_place(|| told_once(&atmd, &told));
    goes_on(&atmd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_logs_in_is_told_of_once() {
    let atmd = Atmd::start(&Options::default().set("server.login_timeout", "1s"));
    let silent = own_source();
    let stream = link::stream(&atmd, CUSTOMER, silent).await;
    assert_eq!(rest(stream).await, [0; 0]);
    // One that is in the middle of a frame, for good.
    let half = own_source();
    let mut stream = link::stream(&atmd, CUSTOMER, half).await;
    stream.write_all(&version(1)[..6]).await.unwrap();
    assert_eq!(rest(stream).await, [0; 0]);
    let words = "connection ended: nobody logged in";
    let told = [("silence".to_owned(), silent, words), ("half a frame".to_owned(), half, words)];
    tokio::task::block_in_place(|| told_once(&atmd, &told));
}

/// A connection whose end here takes next to nothing without reading it.
async fn with_little_room(atmd: &Atmd, source: IpAddr) -> TlsStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket.bind(SocketAddr::from((source, 0))).unwrap();
    let stream = socket.connect(atmd.customers()).await.unwrap();
    link::handshake(stream, tls::client_config(CUSTOMER, &link::ca(atmd), None).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_fills_no_memory_and_is_let_go() {
    let atmd = Atmd::start(&Options::default().set("server.login_timeout", "10s"));
    goes_on(&atmd).await;
    let before = resident_kib(&atmd);
    let peer = own_source();
    let mut stream = with_little_room(&atmd, peer).await;
    // Calls until atmd takes no more of them, because its answers go nowhere.
    let calls: Vec<u8> = (0..1_000).flat_map(version).collect();
    let mut taken = 0;
    while timeout(Duration::from_secs(2), stream.write_all(&calls)).await.is_ok_and(|sent| sent.is_ok()) {
        taken += calls.len();
        assert!(taken < 256 * 1024 * 1024, "atmd takes {taken} bytes of calls whose answers nobody reads");
    }
    let grown = resident_kib(&atmd).saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB for one who does not read");
    goes_on(&atmd).await;
    // Held open, and not read: it has no place for ever, and nobody else's.
    let operator = link::operator(&atmd).await;
    timeout(PATIENCE, async {
        while operator.status(link::patient()).await.unwrap().unwrap().connections_active > 1 {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("atmd gives up");
    let told = ("who does not read".to_owned(), peer, "connection ended: ");
    tokio::task::block_in_place(|| told_once(&atmd, &[told]));
    drop(stream);
}
