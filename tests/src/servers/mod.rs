//! Real database servers on data of their own: started from the machine's programs, ended in every way, and
//! started again. A test that does not harm its server takes a [database](Engine::database) on one that all tests
//! of the process share.
//!
//! All of it ends with this process, however that ends.

mod certificates;
mod client;
mod database;
mod folder;
mod mariadb;
mod postgresql;
pub mod proxy;
mod system;

pub use certificates::strange_ca;
pub use client::Session;
pub use database::Database;

use crate::daemon::own_address;
use crate::wait::{self, eventually};
use client::Client;
use folder::Folder;
use rustix::process::{Pid, Signal};
use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use system::Owner;

/// What a bank can be stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Embedded in atmd.
    Sqlite,
    /// A server, as MySQL is.
    MariaDb,
    /// A server.
    PostgreSql,
}

/// The programs of an engine, and whom they run as.
#[derive(Clone, Debug)]
struct Kit {
    server: PathBuf,
    initialise: PathBuf,
    client: PathBuf,
    owner: Option<Owner>,
    /// The signal that ends it fastest without leaving anything on the machine.
    end: &'static str,
}

/// Where a server is.
#[derive(Clone, Debug)]
struct Place {
    folder: PathBuf,
    address: Ipv4Addr,
    port: u16,
}

/// A server and the folder that it lives in. Both end when this is dropped.
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    kit: Kit,
    place: Place,
    settings: Vec<String>,
    client: Client,
    child: Option<Child>,
    // Last, because it is removed when the server has ended.
    folder: Folder,
}

impl Engine {
    /// A new, empty database, and the user whose it is, on a server that is shared. `None` where the machine
    /// lacks the server's programs: the test says that it was skipped.
    #[must_use]
    pub fn database(self) -> Option<Database> {
        static SHARED: [OnceLock<Option<Server>>; 2] = [const { OnceLock::new() }; 2];
        let shared = match self {
            Self::Sqlite => return Some(Database::embedded()),
            Self::MariaDb => &SHARED[0],
            Self::PostgreSql => &SHARED[1],
        };
        let server = shared.get_or_init(|| Server::start(self)).as_ref();
        if server.is_none() {
            // Each test that is skipped says so itself.
            let _ = self.kit();
        }
        server.map(Server::database)
    }

    fn kit(self) -> Option<Kit> {
        match self {
            Self::Sqlite => panic!("SQLite has no server"),
            Self::MariaDb => mariadb::kit(),
            Self::PostgreSql => postgresql::kit(),
        }
    }

    /// The first data of a server, made once: it takes seconds.
    fn template(self, kit: &Kit) -> &'static Path {
        static TEMPLATES: [OnceLock<(PathBuf, Folder)>; 2] = [const { OnceLock::new() }; 2];
        let template = &TEMPLATES[usize::from(self == Self::PostgreSql)];
        let (data, _) = template.get_or_init(|| {
            let folder = Folder::new("database-template-", kit.owner, kit.end);
            let data = folder.path().join("data");
            match self {
                Self::MariaDb => mariadb::initialise(kit, &data),
                _ => postgresql::initialise(kit, &data),
            }
            (data, folder)
        });
        data
    }
}

impl Server {
    /// Starts one of a test's own. `None` where the machine lacks its programs: the test says that it was
    /// skipped.
    ///
    /// # Panics
    /// With all that it said where it does not come to serve; for SQLite, which has no server.
    #[must_use]
    pub fn start(engine: Engine) -> Option<Self> {
        Self::start_with(engine, &[])
    }

    /// As [`start`](Self::start), with settings (`name=value`) that go before the usual ones.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(engine: Engine, settings: &[&str]) -> Option<Self> {
        let kit = engine.kit()?;
        let template = engine.template(&kit);
        let folder = Folder::new("database-", kit.owner, kit.end);
        folder::copy(template, &folder.path().join("data"));
        let address = own_address();
        for (name, text) in certificates::issue(address).files() {
            let file = folder.path().join(name);
            fs::write(&file, text).expect("our folder takes files");
            fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("our files have modes");
            folder::own(&file, kit.owner);
        }
        let place = Place { folder: folder.path().to_owned(), address, port: free_port(address) };
        let client =
            Client { engine, program: kit.client.clone(), folder: place.folder.clone(), port: place.port };
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { engine, kit, place, settings, client, child: None, folder };
        server.serve();
        Some(server)
    }

    /// A new, empty database, and the user whose it is.
    ///
    /// # Panics
    /// Where the server does not run.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::make(self.engine, self.client.clone(), self.address(), &self.place.folder.join("ca.pem"))
    }

    /// Where it listens: the same after each start.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((self.place.address, self.place.port))
    }

    /// Runs statements as the one who may do all, and gives the rows: one a line, columns with tabs between.
    ///
    /// # Panics
    /// Where the server refuses one.
    #[must_use]
    pub fn sql(&self, statements: &str) -> String {
        self.client.run(None, statements).unwrap_or_else(|said| panic!("{statements}\n{said}"))
    }

    /// Ends it at once (SIGKILL), all its processes at the same moment.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn kill(&mut self) {
        let processes = self.freeze();
        processes.iter().for_each(|pid| system::signal(*pid, Signal::KILL));
        self.ended();
        // The data must not be used again while one of them may still write.
        eventually("its processes ended", || match processes.iter().find(|pid| system::runs(**pid)) {
            Some(pid) => Err(format!("{pid:?} runs")),
            None => Ok(()),
        });
    }

    /// Stops all its processes where they are (SIGSTOP), and names them. Connections stay open.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn freeze(&self) -> Vec<Pid> {
        let parent = self.child.as_ref().expect("the server runs").id();
        // The one that starts others goes first.
        Pid::from_raw(i32::try_from(parent).expect("a pid fits"))
            .into_iter()
            .for_each(|pid| system::signal(pid, Signal::STOP));
        let processes = system::family(parent);
        processes.iter().for_each(|pid| system::signal(*pid, Signal::STOP));
        // A signal is taken by each thread when it gets to it.
        eventually("its threads stand still", || match processes.iter().find(|pid| !system::stands(**pid)) {
            Some(pid) => Err(format!("{pid:?} goes on")),
            None => Ok(()),
        });
        processes
    }

    /// Lets it go on after [`freeze`](Self::freeze).
    ///
    /// # Panics
    /// Where it does not run.
    pub fn thaw(&self) {
        let parent = self.child.as_ref().expect("the server runs").id();
        system::family(parent).into_iter().for_each(|pid| system::signal(pid, Signal::CONT));
    }

    /// Ends it in order. Connections are cut.
    ///
    /// # Panics
    /// Where it does not run or does not end in time.
    pub fn stop(&mut self) {
        let child = self.child.as_mut().expect("the server runs");
        let fast = if self.engine == Engine::PostgreSql { Signal::INT } else { Signal::TERM };
        system::signal(Pid::from_child(child), fast);
        let status = wait::exit(child, wait::PATIENCE);
        assert!(status.is_some(), "the server does not end:\n{}", self.log());
        self.ended();
    }

    /// Starts it again on the same data and port, and waits until it serves.
    ///
    /// # Panics
    /// Where it runs, or with all that it said where it does not come to serve.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the server runs");
        self.serve();
    }

    fn serve(&mut self) {
        let mut command = self.command();
        let log = File::options().create(true).append(true).open(self.place.folder.join("log"));
        let log = log.expect("the server has a log");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("files can be cloned")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        self.folder.lives(Some(child.id()));
        let child = self.child.insert(child);
        eventually("the server serves", || {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                let log = fs::read_to_string(self.place.folder.join("log")).unwrap_or_default();
                panic!("{command:?} ended with {status}:\n{log}");
            }
            self.client.run(None, "SELECT 1;")
        });
    }

    fn command(&self) -> Command {
        match self.engine {
            Engine::MariaDb => mariadb::command(&self.kit, &self.place, &self.settings),
            _ => postgresql::command(&self.kit, &self.place, &self.settings),
        }
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.place.folder.join("log")).unwrap_or_default()
    }

    /// Waits for a process that ends.
    fn ended(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.wait().expect("a child can be waited for");
        }
        self.folder.lives(None);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        system::family(child.id()).into_iter().for_each(|pid| system::signal(pid, Signal::CONT));
        // PostgreSQL gives shared memory back where it is let; MariaDB has none.
        if self.engine == Engine::PostgreSql {
            system::signal(Pid::from_child(&child), Signal::QUIT);
            let _ = wait::exit(&mut child, wait::PATIENCE / 6);
        }
        crate::process::end(&mut child);
        self.folder.lives(None);
        if std::thread::panicking() {
            eprintln!("{:?} {}:\n{}", self.engine, self.address(), self.log());
        }
    }
}

/// A port that is free now and, since the address is our own, stays so.
fn free_port(address: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("each loopback address is ours");
    listener.local_addr().expect("a listener has an address").port()
}
