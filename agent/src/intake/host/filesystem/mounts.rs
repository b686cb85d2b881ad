//! The table of mounts, without those that hold no data of their own.
//!
//! In: the text of `mountinfo` (proc(5)). Out: the mounts that are measured, in its order.

use crate::intake::host::text::{fields, lines};

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Where it comes from, such as `/dev/sda1`.
    pub(super) device: String,
    /// Its type, such as `ext4`.
    pub(super) kind: String,
    /// Where it is mounted, in the host's view.
    pub(super) point: String,
    /// Whether it cannot be written to.
    pub(super) readonly: bool,
}

/// The types that node_exporter leaves out: they hold no data, or that of another mount.
const KINDS_EXCLUDED: [&str; 25] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "erofs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Mount points that are left out together with what is below them.
const POINTS_EXCLUDED: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Directories of which what is mounted below is left out: the mounts of containers.
const BELOW_EXCLUDED: [&str; 5] = [
    "/run/credentials/",
    "/run/k3s/containerd/",
    "/var/lib/containers/storage/",
    "/var/lib/docker/",
    "/var/lib/kubelet/pods/",
];

/// Returns the mounts that are measured.
pub(super) fn parse(text: &[u8]) -> Vec<Mount> {
    lines(text)
        .filter_map(parse_line)
        .filter(is_measured)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut words = fields(line);
    let point = words.by_ref().nth(4)?;
    let options = words.next()?;
    // Optional fields, ended by a single dash.
    words.by_ref().find(|word| *word == b"-")?;
    let (kind, device) = (words.next()?, words.next()?);
    let super_options = words.next().unwrap_or_default();
    Some(Mount {
        device: unescape(device),
        kind: unescape(kind),
        point: unescape(point),
        readonly: has_option(options, b"ro") || has_option(super_options, b"ro"),
    })
}

fn is_measured(mount: &Mount) -> bool {
    let below = |dir: &str| {
        mount
            .point
            .strip_prefix(dir)
            .is_some_and(|rest| !rest.is_empty())
    };
    let at_or_below = |dir: &str| {
        mount
            .point
            .strip_prefix(dir)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !KINDS_EXCLUDED.contains(&mount.kind.as_str())
        && !POINTS_EXCLUDED.into_iter().any(at_or_below)
        && !BELOW_EXCLUDED.into_iter().any(below)
}

fn has_option(options: &[u8], wanted: &[u8]) -> bool {
    options
        .split(|byte| *byte == b',')
        .any(|option| option == wanted)
}

/// Undoes the kernel's octal escapes of blanks and backslashes, such as `\040`.
fn unescape(word: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&byte, tail)) = rest.split_first() {
        match escaped(rest) {
            Some(plain) => {
                bytes.push(plain);
                rest = &rest[4..];
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escaped(rest: &[u8]) -> Option<u8> {
    let [b'\\', digits @ ..] = rest.get(..4)? else {
        return None;
    };
    digits.iter().try_fold(0u8, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        sum.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> Vec<String> {
        parse(text.as_bytes())
            .into_iter()
            .map(|mount| mount.point)
            .collect()
    }

    #[test]
    fn mounts_without_data_of_their_own_are_left_out() {
        let text = "22 27 0:21 / /proc rw - proc proc rw\n\
                    27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw\n\
                    30 27 0:5 / /var/lib/docker/overlay2/x rw - ext4 /dev/vda rw\n\
                    31 27 0:6 / /var/lib/docker rw - xfs /dev/vdb rw\n\
                    32 27 0:7 / /devices rw - xfs /dev/vdc rw\n\
                    33 27 0:8 / /dev/shm rw - tmpfs tmpfs rw\n\
                    34 27 0:9 / /snap/x/1 ro - squashfs /dev/loop0 ro\n";
        assert_eq!(points(text), ["/", "/var/lib/docker", "/devices"]);
    }

    #[test]
    fn escapes_and_options_are_read() {
        let text =
            r"36 35 98:0 /m /mnt/my\040disk\134 rw,noatime - ext3 /dev/root ro,errors=continue";
        let mounts = parse(text.as_bytes());
        assert_eq!(mounts[0].point, r"/mnt/my disk\");
        assert!(mounts[0].readonly);
    }

    #[test]
    fn broken_lines_are_left_out() {
        assert!(points("nonsense\n1 2 3:4 / /x rw\n1 2 3:4 / /x rw -\n").is_empty());
        assert_eq!(unescape(br"a\04"), r"a\04");
        assert_eq!(unescape(br"\777x"), r"\777x");
    }
}
