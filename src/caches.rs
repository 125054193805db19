//! The caches of this machine.

use std::path::Path;

/// A cache of data, as the system describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// `L1`, `L2` or `L3`.
    pub name: &'static str,
    /// Its size.
    pub bytes: usize,
}

const NAMES: [&str; 3] = ["L1", "L2", "L3"];

/// The caches of data of the first core, smallest first: from `/sys` on Linux; what is not said there is taken to be
/// 32 KiB, 1 MiB and 16 MiB.
pub fn caches() -> [Cache; 3] {
    read(Path::new("/sys/devices/system/cpu/cpu0/cache"))
}

fn read(folder: &Path) -> [Cache; 3] {
    let mut bytes = [32 << 10, 1 << 20, 16 << 20];
    for index in 0..8 {
        let word = |name: &str| {
            let text = std::fs::read_to_string(folder.join(format!("index{index}")).join(name)).ok()?;
            Some(text.trim().to_string())
        };
        let (Some(level), Some(kind), Some(size)) = (word("level"), word("type"), word("size")) else { continue };
        let level = level.parse::<usize>().ok().filter(|level| (1..=3).contains(level));
        if let (Some(level), Some(size), true) = (level, size_of(&size), kind != "Instruction") {
            bytes[level - 1] = size;
        }
    }
    // whatever the system says, each is larger than the one before
    bytes[1] = bytes[1].max(2 * bytes[0]);
    bytes[2] = bytes[2].max(2 * bytes[1]);
    [0, 1, 2].map(|k| Cache { name: NAMES[k], bytes: bytes[k] })
}

/// `32K` or `1M` in bytes, if there is more than nothing.
fn size_of(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(['K', 'M']);
    let unit = match &text[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit).filter(|&bytes| (1 << 10..1 << 34).contains(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_read_and_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let sizes = |folder| read(folder).map(|cache| cache.bytes >> 10);
        assert_eq!(sizes(folder.path()), [32, 1 << 10, 16 << 10]);
        for (index, level, kind, size) in [
            (0, "1", "Data", "48K"),
            (1, "1", "Instruction", "64K"),
            (2, "2", "Unified", "2M"),
            (3, "3", "Unified", "?"),
        ] {
            let folder = folder.path().join(format!("index{index}"));
            std::fs::create_dir(&folder).unwrap();
            for (name, word) in [("level", level), ("type", kind), ("size", size)] {
                std::fs::write(folder.join(name), format!("{word}\n")).unwrap();
            }
        }
        assert_eq!(sizes(folder.path()), [48, 2 << 10, 16 << 10]);
    }

    #[test]
    fn sizes_by_hand() {
        assert_eq!(size_of("32K"), Some(32 << 10));
        assert_eq!(size_of("1M"), Some(1 << 20));
        assert_eq!(size_of("4096"), Some(4096));
        for wrong in ["", "K", "0K", "x", "-3K", "1KK", "99999999999999999999M"] {
            assert_eq!(size_of(wrong), None, "{wrong}");
        }
    }
}
