//! A process that is well.

use weft_api::weft::{Drop, LogsStatus, MetricsStatus, Peer, Replay, Status};
use weft_api::{Error, ErrorKind, admin, weft};

pub(crate) struct Process;

impl admin::Backend for Process {
    fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    fn reload(&self) -> Result<(), Error> {
        Err(Error::new(
            ErrorKind::BadData,
            "read configuration: unknown key \"retentoin\"",
        ))
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }

    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }
}

impl weft::Backend for Process {
    fn status(&self) -> Result<Status, Error> {
        Ok(Status {
            version: "0.1.0".to_owned(),
            state: "degraded".to_owned(),
            reasons: vec!["the disk is nearly full".to_owned()],
            uptime_seconds: 4,
            metrics: MetricsStatus {
                active_series: 3,
                samples_total: 12,
                samples_per_second: 1.5,
                disk_bytes: 4096,
            },
            logs: LogsStatus::default(),
            replay: Replay {
                running: true,
                percent: 40,
                records_total: 8,
                seconds: 0.25,
            },
            peers: vec![Peer {
                name: "node-1".to_owned(),
                role: "agent".to_owned(),
                address: "10.0.0.1:43210".to_owned(),
                last_seen_seconds: 0.5,
                lag_seconds: 1.25,
            }],
            drops: vec![Drop {
                what: "lines".to_owned(),
                reason: "line_too_long".to_owned(),
                count: 2,
            }],
        })
    }
}
