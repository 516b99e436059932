//! Disks that are full or broken, under SQLite and under load: nothing is acknowledged that is not kept, atmd says
//! why it waits or ends, and it goes on when it can.

use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::books::{self, Books};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::{need, not_allowed};
use atm_tests::wait::{PATIENCE, eventually};
use atm_tests::{link, process};
use futures::future::join_all;
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::timeout;

const CUSTOMERS: u32 = 16;

/// Customers who bring money until they are told to stop, and what they were told is done.
struct Load {
    acknowledged: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    customers: Vec<JoinHandle<HashSet<RequestKey>>>,
}

impl Load {
    async fn on(atmd: &Atmd) -> Self {
        let (acknowledged, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut customers = Vec::new();
        for n in 1..=CUSTOMERS {
            link::register(atmd, bank::number(n)).await;
            let mut customer = link::logged_in(atmd, bank::number(n)).await;
            let (acknowledged, over) = (Arc::clone(&acknowledged), Arc::clone(&over));
            customers.push(tokio::spawn(async move {
                let mut done = HashSet::new();
                while !over.load(Ordering::Relaxed) {
                    let key = RequestKey::generate();
                    // An answer that never comes is no promise.
                    let answer = timeout(PATIENCE, customer.deposit(key, rupees(1)));
                    match answer.await {
                        Ok(Ok(_)) => {
                            done.insert(key);
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(Err(_)) if over.load(Ordering::Relaxed) => break,
                        Ok(Err(_)) | Err(_) => {}
                    }
                }
                done
            }));
        }
        Self { acknowledged, over, customers }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until so many more are acknowledged.
    fn go_on(&self, more: u64) {
        let enough = self.acknowledged() + more;
        block_in_place(|| {
            eventually("customers are served", || match self.acknowledged() {
                now if now >= enough => Ok(()),
                now => Err(format!("{now} of {enough}")),
            });
        });
    }

    /// Everything that was acknowledged.
    async fn end(self) -> HashSet<RequestKey> {
        self.over.store(true, Ordering::Relaxed);
        join_all(self.customers)
            .await
            .into_iter()
            .flat_map(|ended| ended.expect("a customer ended"))
            .collect()
    }
}

/// Each acknowledged key acted once; `Books` has looked at the rest.
fn check_all_there(books: &Books, acknowledged: &HashSet<RequestKey>) {
    let kept: HashSet<RequestKey> = books.entries.iter().filter_map(|entry| Some(entry.request?.0)).collect();
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
}

/// A small disk in a mount namespace of its own, which ends with this.
struct SmallDisk {
    holder: Child,
}

const MOUNT: &str = "/mnt";
const SIZE: u64 = 24 * 1024 * 1024;

impl SmallDisk {
    fn new() -> Option<Self> {
        let unshare = need("unshare")?;
        let script = format!("mount -t tmpfs -o size={SIZE} tmpfs {MOUNT} && echo ready && read -r _");
        let mut holder = Command::new(unshare)
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(holder.stdout.take().unwrap()).lines().next();
        if said.is_none() {
            process::end(&mut holder);
            not_allowed("the right to mount a file system");
            return None;
        }
        Some(Self { holder })
    }

    /// The disk as it is seen from outside.
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{MOUNT}", self.holder.id())).join(name)
    }

    /// Leaves so many bytes free.
    fn fill(&self, left: u64) {
        let used: u64 =
            fs::read_dir(self.path("")).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
        let size = usize::try_from(SIZE - used - left).unwrap();
        fs::write(self.path("filler"), vec![b'x'; size]).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        process::end(&mut self.holder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_bank_until_there_is_space() {
    let Some(disk) = SmallDisk::new() else { return };
    let Some(nsenter) = need("nsenter") else { return };
    let options = Options::default().set("database.path", &format!("{MOUNT}/bank.db"));
    let target = disk.holder.id().to_string();
    let within = [nsenter.to_str().unwrap(), "--mount", "--target", &target];
    let mut atmd = Atmd::prepare(&options).within(&within);
    atmd.restart();
    let load = Load::on(&atmd).await;
    load.go_on(50);
    for round in 1..=2 {
        disk.fill(400_000);
        let waits = || atmd.log().matches("the disk is full").count();
        let said = waits();
        block_in_place(|| {
            eventually("atmd says that the disk is full", || {
                if waits() > said { Ok(()) } else { Err(atmd.log()) }
            });
        });
        // What was being answered is over when the next one waits, too.
        let said = waits();
        block_in_place(|| {
            eventually("atmd goes on to wait", || if waits() > said { Ok(()) } else { Err(atmd.log()) });
        });
        let stopped = load.acknowledged();
        let said = waits();
        block_in_place(|| {
            eventually("atmd goes on to wait", || if waits() > said { Ok(()) } else { Err(atmd.log()) });
        });
        assert_eq!(load.acknowledged(), stopped, "round {round}: acknowledged without space");
        fs::remove_file(disk.path("filler")).unwrap();
        load.go_on(50);
    }
    let acknowledged = load.end().await;
    assert!(atmd.stop().success());
    for name in fs::read_dir(disk.path("")).unwrap().map(|file| file.unwrap().file_name()) {
        fs::copy(disk.path(name.to_str().unwrap()), atmd.data().join(&name)).unwrap();
    }
    check_all_there(&Books::of(&books::config(&atmd.data())).await, &acknowledged);
}

/// Makes every sync of a running atmd fail, until this is dropped.
struct NoSync(Child);

impl NoSync {
    fn of(atmd: &Atmd) -> Option<Self> {
        let strace = need("strace")?;
        let pid = atmd.pid().to_string();
        let trace = ["-f", "-p", &pid, "-e", "trace=fsync,fdatasync", "-o", "/dev/null"];
        let inject = ["-e", "inject=fsync,fdatasync:error=EIO"];
        let mut child = Command::new(strace).args(trace).args(inject).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let attached = lines.next().unwrap().unwrap();
        assert!(attached.contains("attached"), "{attached}");
        // What else it says is not read, and need not be.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self(child))
    }
}

impl Drop for NoSync {
    fn drop(&mut self) {
        process::end(&mut self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_ends_atmd_and_loses_nothing() {
    let mut atmd = Atmd::start(&Options::default());
    let load = Load::on(&atmd).await;
    load.go_on(100);
    let Some(broken) = NoSync::of(&atmd) else { return };
    let ended = block_in_place(|| atmd.ended());
    drop(broken);
    assert_eq!(ended.code(), Some(70), "{ended}");
    let log = atmd.log();
    assert!(log.contains("atmd ends: it cannot go on like this"), "{log}");
    let before = load.acknowledged();
    atmd.restart();
    load.go_on(100);
    assert!(load.acknowledged() > before);
    let acknowledged = load.end().await;
    assert!(atmd.stop().success());
    check_all_there(&Books::of(&atmd.config()).await, &acknowledged);
}
