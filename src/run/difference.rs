//! Where two sets of settings differ.

use serde::Serialize;
use serde_json::Value;

use super::RunConfig;

/// The first setting in which two configurations differ, dotted.
pub(super) fn difference(a: &RunConfig, b: &RunConfig) -> Option<String> {
    let json = |config| serde_json::to_value(config).expect("settings are plain data");
    // epochs last: another setting that differs matters more
    let (mut a, mut b) = (json(a), json(b));
    let epochs = (a["epochs"].take(), b["epochs"].take());
    let first = walk("", &a, &b).map(|(key, ..)| key);
    first.or_else(|| (epochs.0 != epochs.1).then(|| "epochs".into()))
}

/// The first setting below `key` in which `a` and `b` differ, dotted, with what either says.
pub(super) fn first_other<T: Serialize + ?Sized>(key: &str, a: &T, b: &T) -> Option<(String, Value, Value)> {
    let json = |settings: &T| serde_json::to_value(settings).expect("settings are plain data");
    walk(key, &json(a), &json(b))
}

fn walk(path: &str, a: &Value, b: &Value) -> Option<(String, Value, Value)> {
    if a == b {
        return None;
    }
    if let (Value::Object(a), Value::Object(b)) = (a, b) {
        let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
        return keys.into_iter().find_map(|key| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            walk(&path, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null))
        });
    }
    Some((path.into(), a.clone(), b.clone()))
}
