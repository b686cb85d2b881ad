//! Every script in `tests/data/promql` passes on the naive store.

use std::path::Path;

use weft_promqltest::{Memory, run};

#[test]
fn every_case_of_every_script_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/promql");
    let mut passed = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "test") {
            continue;
        }
        let script = std::fs::read_to_string(&path).unwrap();
        let report = run(&script, &mut Memory::new()).unwrap();
        passed += report.passed;
        let named = |failure| format!("{}: {failure}", path.display());
        failures.extend(report.failed.iter().map(named));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed > 150, "only {passed} cases ran");
}
