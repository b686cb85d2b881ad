//! What `deploy/` says must be what the binary reads.

use std::fs;
use std::path::Path;

use crate::process::command;

#[test]
fn every_example_of_settings_is_good() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let mut checked = 0;
    for dir in ["examples", "kubernetes/config"] {
        for entry in fs::read_dir(deploy.join(dir)).unwrap() {
            let file = entry.unwrap().path();
            let output = command()
                .args(["check", "config"])
                .arg(&file)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stdout)
            );
            checked += 1;
        }
    }
    assert!(checked >= 7, "{checked}");
}
