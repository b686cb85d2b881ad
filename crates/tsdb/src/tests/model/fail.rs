//! What goes wrong in a run: steps that fail half way, power cuts, full disks.

use std::io::ErrorKind;

use weft_disk::Fault;

use super::run::{HOUR, Run, Step};

impl Run {
    fn attempt(&mut self, step: Step) {
        match step {
            Step::Flush => drop(self.try_flush()),
            Step::Maintain => {
                for _ in 0..4 {
                    if !self.try_maintain().is_ok_and(|report| report.more) {
                        break;
                    }
                }
            }
            Step::Delete => self.try_delete(),
            Step::Snapshot => drop(self.try_snapshot()),
        }
    }

    fn any_step(&mut self) -> Step {
        let steps = [
            Step::Flush,
            Step::Flush,
            Step::Maintain,
            Step::Maintain,
            Step::Delete,
            Step::Snapshot,
        ];
        steps[self.random(6) as usize]
    }

    /// Lets the power fail somewhere within a step.
    pub(super) fn fail(&mut self) {
        let step = self.any_step();
        let operations = self.random(24);
        self.do_until_power_fails_after(step, operations);
        self.compare();
    }

    pub(super) fn do_until_power_fails_after(&mut self, step: Step, operations: u64) {
        if step == Step::Maintain {
            self.now += 20 * HOUR;
        }
        self.disk.cut_power_after(operations);
        self.attempt(step);
        self.restart();
    }

    /// Lets one operation of a step fail, and goes on without a restart.
    pub(super) fn fail_once(&mut self) {
        let step = self.any_step();
        let operations = self.random(24);
        self.do_while_full_after(step, operations);
        self.compare();
    }

    pub(super) fn do_while_full_after(&mut self, step: Step, operations: u64) {
        if step == Step::Maintain {
            self.now += 20 * HOUR;
        }
        let kinds = [ErrorKind::StorageFull, ErrorKind::Other];
        let kind = kinds[self.random(2) as usize];
        self.disk.fail_after(operations, kind);
        self.attempt(step);
        self.disk.fail_no_more();
    }

    /// Goes on while there is little space, then while there is enough again.
    pub(super) fn fill_up(&mut self) {
        let used: u64 = self.disk.files().iter().map(|(_, bytes)| bytes).sum();
        let bytes = used + self.random(4_000);
        self.disk.set_fault(Some(Fault::Full { bytes }));
        for _ in 0..3 {
            self.tick();
            let step = self.any_step();
            self.attempt(step);
            self.compare();
        }
        if self.random(2) == 0 {
            self.restart();
            self.compare();
        }
        self.disk.set_fault(None);
        self.flush();
        self.maintain();
        self.compare();
    }
}
