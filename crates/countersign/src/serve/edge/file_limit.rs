//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For the database, the log, connections to mail servers and gateways, and the runtime itself.
const OTHER_FILES: usize = 100;

/// Raises the limit as far as `connections` and `database` connections need it and the system permits. Returns how many
/// connections can be served; fewer than asked for are explained in the log.
pub(in crate::serve) fn raise(connections: usize, database: usize) -> usize {
    let others = OTHER_FILES + database;
    let needed = u64::try_from(connections + others).unwrap_or(u64::MAX);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        // Where that is not permitted, what is there has to do.
        let _refused = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum });
    }
    let Some(files) = getrlimit(Resource::Nofile).current.filter(|files| *files < needed) else {
        return connections;
    };
    let possible = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(others).max(1);
    tracing::warn!(
        files,
        "the limit for open files permits {possible} connections, and not the {connections} of http.max_connections; raise \
         it (LimitNOFILE={needed} in systemd, ulimit -n {needed}) or lower the setting"
    );
    possible
}
