//! `countersign keys rotate-signing`: new keys for ID tokens before their time. It works beside a running server, on the
//! same database; every node signs with them from the moment that they are for.

use crate::cli::RotateSigning;
use crate::wiring::{self, Failure, Start};
use countersign_core::authority::OperatorAuthority;
use countersign_flows::{ambient::SystemClock, openid_connect::keys};
use std::{io::Write as _, sync::Arc};

/// Makes them, and says so.
pub fn rotate(options: &RotateSigning) -> Result<(), Failure> {
    let config = options.place.settings(std::env::vars_os())?.config()?;
    crate::serve::logging::of_a_command();
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::other("the runtime cannot start"))?;
    let made = runtime.block_on(async {
        let services = wiring::services(&config, Arc::new(SystemClock), Start::Beside).await?;
        let operator = OperatorAuthority::at_the_console();
        keys::rotate(&services, &operator, options.now)
            .await
            .map_err(Failure::other("not all keys were made"))
    })?;
    let sentence = if options.now {
        "They sign from now on. All older keys are withdrawn: ID tokens that they signed are worthless."
    } else {
        "They are published now and sign in a day. The older ones retire then by themselves."
    };
    let told = format!("Made {} keys: {}.\n{sentence}\n", made.len(), made.join(", "));
    std::io::stdout().write_all(told.as_bytes()).map_err(Failure::other("standard output"))
}
