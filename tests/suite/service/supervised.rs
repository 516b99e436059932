//! What atmd tells systemd, over a socket as systemd's: ready once it serves, signs of life, reloading,
//! stopping.

use atm_tests::daemon::{Atmd, Options};
use rustix::process::Signal;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tempfile::TempDir;

#[test]
fn systemd_is_told_of_the_start_of_life_and_of_the_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut message = vec![0; 4096];
        let length = socket.recv(&mut message).expect("a message of atmd");
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let notify = format!("NOTIFY_SOCKET={}", path.display());
    let mut atmd = Atmd::prepare(&Options::default()).within(&["env", &notify, "WATCHDOG_USEC=300000"]);
    atmd.restart();
    let ready = next();
    assert!(ready.contains("READY=1\n") && ready.contains("STATUS=serving customers on 127."), "{ready}");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1\n");
    }
    let after_signs = || loop {
        match next() {
            sign if sign == "WATCHDOG=1\n" => {}
            said => return said,
        }
    };
    for mistakes in [false, true] {
        let options = Options::default();
        atmd.configure(&if mistakes { options.set("server.login_timeout", "soon") } else { options });
        atmd.signal(Signal::HUP);
        let reloading = after_signs();
        assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        let ready = after_signs();
        assert!(ready.starts_with("READY=1\nSTATUS=serving by the configuration "), "{ready}");
        assert_eq!(ready.contains("mistakes"), mistakes, "{ready}");
    }
    atmd.stop();
    let said = after_signs();
    assert!(said.contains("STOPPING=1\n") && said.contains("EXTEND_TIMEOUT_USEC="), "{said}");
}
