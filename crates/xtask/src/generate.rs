//! Writes the Rust code of the messages, so that a build needs neither protoc nor a generator.
//!
//! In: `proto/weft/v1/weft.proto`. Out: `proto/src/generated/weft.v1.rs`, which is committed; a
//! test tells when it is not fresh.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const GENERATED: &str = "proto/src/generated/weft.v1.rs";

/// Writes the generated code into the source tree.
pub(crate) fn write() -> Result<()> {
    let text = render()?;
    let path = root().join(GENERATED);
    fs::create_dir_all(path.parent().expect("the path has a folder"))?;
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}

fn render() -> Result<String> {
    let out = std::env::temp_dir().join(format!("weft-generate-{}", std::process::id()));
    fs::create_dir_all(&out)?;
    let proto = root().join("proto");
    let files = protox::compile([proto.join("weft/v1/weft.proto")], [&proto])?;
    tonic_prost_build::configure()
        .bytes(".weft.v1.Batch.payload")
        .out_dir(&out)
        .compile_fds(files)?;
    let text = fs::read_to_string(out.join("weft.v1.rs")).context("read the generated code")?;
    fs::remove_dir_all(&out)?;
    Ok(text)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_messages_are_fresh() {
        let committed = fs::read_to_string(root().join(GENERATED)).unwrap();
        assert!(committed == render().unwrap(), "run `cargo xtask generate`");
    }
}
