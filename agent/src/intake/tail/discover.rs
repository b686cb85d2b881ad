//! Which log streams there are.
//!
//! In: directories laid out as `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log`, and
//! patterns of plain files. Out: the streams that are not known yet, and the directories in which
//! more may appear. Names come from paths alone: nothing is asked of an API server.

use std::fs;
use std::path::{Path, PathBuf};

use weft_model::Labels;
use weft_model::LabelsBuilder;

use super::chain::name_before_rotation;
use super::glob;
use super::stream::{Format, StreamSpec, stream_key};
use crate::config::{FileSource, TailConfig};

/// What a scan found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Streams that were not known before.
    pub(super) streams: Vec<StreamSpec>,
    /// Directories whose changes matter.
    pub(super) dirs: Vec<PathBuf>,
}

/// Scans everything that `config` names; `is_known` tells which current files are followed.
pub(super) fn scan(config: &TailConfig, node: &str, is_known: impl Fn(&Path) -> bool) -> Found {
    let mut found = Found::default();
    for root in &config.pods {
        scan_pods(root, node, &is_known, &mut found);
    }
    for source in &config.files {
        scan_files(source, node, &is_known, &mut found);
    }
    found
}

fn scan_pods(root: &Path, node: &str, is_known: &impl Fn(&Path) -> bool, found: &mut Found) {
    found.dirs.push(root.to_owned());
    for (pod_dir, pod) in dirs_in(root) {
        found.dirs.push(pod_dir.clone());
        for (dir, container) in dirs_in(&pod_dir) {
            for restart in restarts(&dir) {
                let path = dir.join(format!("{restart}.log"));
                if !is_known(&path)
                    && let Some(spec) = container_stream(&pod, &container, (restart, &path), node)
                {
                    found.streams.push(spec);
                }
            }
            found.dirs.push(dir);
        }
    }
}

fn container_stream(
    pod_dir: &str,
    container: &str,
    (restart, path): (u32, &Path),
    node: &str,
) -> Option<StreamSpec> {
    // Names in Kubernetes hold no underscore.
    let mut parts = pod_dir.split('_');
    let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
    let job = format!("{namespace}/{container}");
    let labels = Labels::from_pairs([
        ("namespace", namespace),
        ("pod", pod),
        ("container", container),
        ("uid", uid),
        ("job", &job),
        ("node", node),
    ]);
    let identity = format!("cri:{uid}/{container}/{restart}");
    Some(StreamSpec {
        key: stream_key(node, &identity),
        identity,
        labels,
        path: path.to_owned(),
        format: Format::Cri,
    })
}

/// Returns the numbers of the restarts of a container that have files.
fn restarts(dir: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let restart = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let (number, rest) = name.split_once(".log")?;
        let ours = rest.is_empty() || (rest.starts_with('.') && !rest.ends_with(".tmp"));
        number.parse().ok().filter(|_| ours)
    };
    let mut numbers: Vec<_> = entries.flatten().filter_map(restart).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn scan_files(
    source: &FileSource,
    node: &str,
    is_known: &impl Fn(&Path) -> bool,
    found: &mut Found,
) {
    let matches = glob::expand(&source.glob);
    found.dirs.extend(matches.dirs);
    for path in matches.files {
        if is_known(&path) || is_rotated(&path) {
            continue;
        }
        let Some(text) = path.to_str() else { continue };
        let mut labels = LabelsBuilder::new();
        labels
            .set("filename", text)
            .set("job", &source.job)
            .set("node", node);
        for (name, value) in &source.labels {
            labels.set(name, value);
        }
        let identity = format!("file:{text}");
        found.streams.push(StreamSpec {
            key: stream_key(node, &identity),
            identity,
            labels: labels.build(),
            path,
            format: Format::Plain,
        });
    }
}

/// Tells whether a file belongs to the chain of another one, or is compressed and so complete.
fn is_rotated(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return true;
    };
    let before = name_before_rotation(name);
    name.ends_with(".gz") || before.is_some_and(|base| path.with_file_name(base).exists())
}

fn dirs_in(dir: &Path) -> Vec<(PathBuf, String)> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let named = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        entry.path().is_dir().then(|| (entry.path(), name))
    };
    let mut dirs: Vec<_> = entries.flatten().filter_map(named).collect();
    dirs.sort();
    dirs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_from_their_paths() {
        let root = std::env::temp_dir().join(format!("weft-discover-{}", std::process::id()));
        let dir = root.join("shop_cart-7d_11-22/web");
        fs::create_dir_all(&dir).unwrap();
        for name in [
            "0.log.20240101-000000.gz",
            "1.log",
            "1.log.20240101-000000",
            "2.log.x.tmp",
        ] {
            fs::write(dir.join(name), b"").unwrap();
        }
        let mut found = Found::default();
        scan_pods(&root, "n1", &|_: &Path| false, &mut found);
        let told: Vec<_> = found.streams.iter().map(|s| s.identity.as_str()).collect();
        assert_eq!(told, ["cri:11-22/web/0", "cri:11-22/web/1"]);
        let expected = r#"{container="web", job="shop/web", namespace="shop", node="n1", pod="cart-7d", uid="11-22"}"#;
        assert_eq!(found.streams[0].labels.to_string(), expected);
        assert_eq!(found.dirs.len(), 3);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn rotated_plain_files_are_no_streams_of_their_own() {
        let dir = std::env::temp_dir().join(format!("weft-discover-files-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for name in ["app.log", "app.log.1", "app.log.2.gz", "db.log"] {
            fs::write(dir.join(name), b"").unwrap();
        }
        let source = FileSource {
            glob: format!("{}/*", dir.display()),
            job: "app".to_owned(),
            labels: vec![],
        };
        let mut found = Found::default();
        scan_files(
            &source,
            "n1",
            &|path: &Path| path.ends_with("db.log"),
            &mut found,
        );
        let told: Vec<_> = found.streams.iter().map(|s| s.path.clone()).collect();
        assert_eq!(told, [dir.join("app.log")]);
        fs::remove_dir_all(&dir).unwrap();
    }
}
