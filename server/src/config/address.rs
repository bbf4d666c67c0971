//! Where the server listens.

use super::ConfigError;
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
};

const NAME: &str = "PATCHBAY_ADDR";

pub(super) fn read(text: Option<String>) -> Result<SocketAddr, ConfigError> {
    let Some(text) = text else { return Ok(SocketAddr::from(([127, 0, 0, 1], 3000))) };
    let refuse = |message: String| ConfigError::Variable { name: NAME, message };
    let address: SocketAddr = text.parse().map_err(|error| {
        refuse(format!("{error}; write an address and a port, like 127.0.0.1:3000, 0.0.0.0:3000 or [::1]:3000"))
    })?;
    if address.port() == 0 {
        return Err(refuse("port 0 is a new one at each start, which no webhook would find; choose one".to_owned()));
    }
    Ok(address)
}

/// Why nobody can be served there, and what to do about it.
pub fn cannot_listen(address: SocketAddr, error: &io::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => "another process listens there. Stop it, or choose another address with PATCHBAY_ADDR",
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address. PATCHBAY_ADDR=0.0.0.0:3000 listens on all that it has"
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege. Choose another one with PATCHBAY_ADDR, or give the process \
             CAP_NET_BIND_SERVICE"
        }
        _ => "choose another address with PATCHBAY_ADDR",
    };
    format!("cannot listen on {address}: {error}: {advice}")
}
