//! The routes that operate the process, on the HTTP port.

use std::sync::Arc;

use weft_api::admin::Backend;
use weft_api::{Error, ErrorKind};
use weft_runtime::admin::Admin;

use super::prometheus::take_error;
use crate::store::Store;

/// Answers `/-/...` and `/metrics`.
#[derive(Debug)]
pub(crate) struct AdminBackend {
    pub(crate) store: Arc<Store>,
    pub(crate) admin: Admin,
}

impl Backend for AdminBackend {
    fn ready(&self) -> Result<(), Error> {
        if self.admin.lifecycle.is_ready() {
            return Ok(());
        }
        let conditions = self.admin.lifecycle.conditions();
        let lines: Vec<String> = conditions
            .iter()
            .map(|(name, condition)| format!("{name}: {condition}"))
            .collect();
        Err(Error::new(ErrorKind::Unavailable, lines.join(", ")))
    }

    fn reload(&self) -> Result<(), Error> {
        (self.admin.reload)().map_err(Error::bad_data)
    }

    fn flush(&self) -> Result<(), Error> {
        self.store.flush_all().map_err(take_error)
    }

    fn metrics(&self) -> String {
        self.admin.metrics_text()
    }
}
