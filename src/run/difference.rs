//! Where two sets of settings differ.

use serde::Serialize;
use serde_json::Value;

use super::RunConfig;

/// The first setting in which two configurations differ, dotted. Where files are is no setting: their content is compared
/// elsewhere. `epochs` are those of the last phase, if that is one of training.
pub(super) fn difference(a: &RunConfig, b: &RunConfig) -> Option<String> {
    let json = |config: &RunConfig| serde_json::to_value(config.without_paths()).expect("settings are plain data");
    // epochs last: another setting that differs matters more
    let (mut a, mut b) = (json(a), json(b));
    let epochs = (last_epochs(&mut a), last_epochs(&mut b));
    let first = walk("", &a, &b).map(|(key, ..)| key);
    first.or_else(|| (epochs.0 != epochs.1).then(|| "epochs".into()))
}

/// Takes the epochs out that a run may have more of when it is resumed.
fn last_epochs(config: &mut Value) -> Value {
    let phases = config.get_mut("phase").and_then(Value::as_array_mut);
    match phases.and_then(|phases| phases.last_mut()) {
        Some(last) => last.get_mut("epochs").map(Value::take).unwrap_or_default(),
        None => config["epochs"].take(),
    }
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
