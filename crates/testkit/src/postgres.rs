//! An empty PostgreSQL database for one test.

use std::net::{IpAddr, SocketAddr};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use url::Url;

use crate::network::Network;
use crate::process::{env, output_of, try_output_of};

/// The variable that names the cluster: a `postgres://` URL of a superuser. `./test` starts a temporary
/// cluster and sets it.
pub const CLUSTER_VARIABLE: &str = "COUNTERSIGN_TEST_POSTGRES";

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A database of its own name in the test cluster, dropped (with whatever is still connected to it) when this
/// value is.
#[derive(Debug)]
pub struct Database {
    cluster: Url,
    name: String,
    url: String,
}

impl Database {
    /// Creates an empty database. Blocks for some tens of milliseconds.
    ///
    /// # Panics
    /// When [`CLUSTER_VARIABLE`] is not set, or the cluster refuses.
    #[must_use]
    pub fn create() -> Self {
        let address = env(CLUSTER_VARIABLE)
            .unwrap_or_else(|| panic!("no PostgreSQL cluster: run ./test, or set {CLUSTER_VARIABLE}"));
        let cluster = Url::parse(&address)
            .unwrap_or_else(|error| panic!("{CLUSTER_VARIABLE} is not a postgres:// URL: {error}"));
        let name = format!("countersign_test_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut url = cluster.clone();
        url.set_path(&name);
        // The process id may have been another run's, killed before it could clean up.
        run(&cluster, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        run(&cluster, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
        Self { cluster, name, url: url.into() }
    }

    /// `postgres://user:password@host:port/name`, as the server's configuration takes it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same by way of `network`, which has to lead to [`Database::server`].
    ///
    /// # Panics
    /// When the URL takes no port.
    #[must_use]
    pub fn url_by(&self, network: &Network) -> String {
        let mut url = Url::parse(&self.url).expect("built from a URL");
        url.set_host(Some("127.0.0.1")).expect("a URL with a host");
        url.set_port(Some(network.address().port())).expect("a URL with a host");
        url.into()
    }

    /// Where the cluster listens.
    ///
    /// # Panics
    /// When the cluster is not on an IP address.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        let host = self.cluster.host_str().unwrap_or("127.0.0.1");
        let ip: IpAddr = host.parse().unwrap_or_else(|_| panic!("{host} is not an IP address"));
        SocketAddr::new(ip, self.cluster.port().unwrap_or(5432))
    }

    /// Runs SQL in this database and returns the rows as `psql` prints them: a line a row, `|` between columns.
    ///
    /// # Panics
    /// When PostgreSQL refuses the SQL.
    pub fn query(&self, sql: &str) -> String {
        let database = Url::parse(&self.url).expect("built from a URL");
        run(&database, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = try_output_of(&mut psql(&self.cluster, &sql));
        // Where the test fails already, a second panic would hide the first.
        assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
    }
}

fn run(database: &Url, sql: &str) -> String {
    output_of(&mut psql(database, sql)).trim_end().to_owned()
}

/// Takes `psql` and not a library: it works inside and outside an async runtime alike, and knows nothing of
/// the driver under test. The password goes by environment, which other users of the machine cannot read.
fn psql(database: &Url, sql: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--set=ON_ERROR_STOP=1",
        "--command",
        sql,
    ]);
    psql.env("PGHOST", database.host_str().unwrap_or("127.0.0.1"));
    psql.env("PGPORT", database.port().unwrap_or(5432).to_string());
    psql.env("PGUSER", database.username());
    psql.env("PGPASSWORD", database.password().unwrap_or_default());
    psql.env("PGDATABASE", database.path().trim_start_matches('/'));
    psql.env("PGCONNECT_TIMEOUT", "10");
    // A session which does not let go of a database must not hang a test.
    psql.env("PGOPTIONS", "-c statement_timeout=30s -c client_min_messages=warning");
    psql
}
