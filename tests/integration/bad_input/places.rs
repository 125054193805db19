//! Folders and files that are not what they should be, and runs that end early.

use std::fs;

use super::{TRAIN, refused, refused_by};
use crate::command::{Answer, Place, config, edited};

/// Output folders that are not what they should be.
#[test]
fn run_folders() {
    let place = Place::own();
    place.done(TRAIN);
    refused(&place, TRAIN, "folder of the same run", &["run: holds this run already; add --resume"]);
    let says = ["run: holds a run of another configuration (`seed` differs)", "--out"];
    refused(&place, "train own.toml --out run --seed 4", "folder of another configuration", &says);
    refused(&place, "train flip-flop --out run", "folder of another configuration", &["run: holds a run of another"]);
    let says = ["(`seed` differs); it cannot be resumed"];
    refused(&place, "train own.toml --out run --resume --seed 4", "resumed with another seed", &says);
    let says = ["`epochs`: 2", "run is in epoch 3 already; expected at least 3"];
    refused(&place, "train own.toml --out run --resume --epochs 2", "resumed with fewer epochs", &says);
    let edges = place.text("edges.csv");
    place.write("edges.csv", edited(&edges, "n0,n4,", "n0,n5,"));
    let says = ["edges.csv: is not what it was when the run in run began (`connectome.edges`)"];
    refused(&place, "train own.toml --out run --resume --epochs 9", "resumed with other edges", &says);
    place.write("edges.csv", edges);
    let checkpoint = place.read("run/checkpoint.safetensors");
    place.write("run/checkpoint.safetensors", &checkpoint[..checkpoint.len() / 2]);
    let says = ["run/checkpoint.safetensors: the header is"];
    refused(&place, "train own.toml --out run --resume --epochs 9", "checkpoint cut in half", &says);
    place.write("run/checkpoint.safetensors", place.read("run/model.safetensors"));
    let says = ["run/checkpoint.safetensors: not a checkpoint"];
    refused(&place, "train own.toml --out run --resume --epochs 9", "model for a checkpoint", &says);
    place.write("run/config.toml", "name = ");
    refused(&place, TRAIN, "folder with a damaged configuration", &["run/config.toml: TOML parse error"]);

    place.write("file", "a file");
    refused(&place, "train own.toml --out file", "output folder is a file", &["file: cannot make the folder"]);
    refused(
        &place,
        "train own.toml --out file/run",
        "output folder within a file",
        &["file/run: cannot make the folder"],
    );
}

/// Files that may not be read and folders that may not be written. Root may do everything, so that there is nothing
/// to see; then the system's own untouchable folder stands in.
#[cfg(target_os = "linux")]
#[test]
fn permissions() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::own();
    refused(
        &place,
        "train own.toml --out /proc/run",
        "output folder not writable",
        &["/proc/run: cannot make the folder"],
    );
    let says = ["/proc/g.safetensors: cannot write"];
    place.done(TRAIN);
    refused(&place, "gradient run/model.safetensors data.npz --out /proc/g.safetensors", "result not writable", &says);
    let forbid =
        |name: &str, mode: u32| fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    forbid("data.npz", 0o000);
    if fs::File::open(place.path("data.npz")).is_ok() {
        println!("not run: root may read every file");
        return;
    }
    refused(&place, "train own.toml --out new", "unreadable data", &["data.npz: cannot open: Permission denied"]);
    forbid("data.npz", 0o644);
    fs::create_dir(place.path("closed")).unwrap();
    forbid("closed", 0o555);
    refused(
        &place,
        "train own.toml --out closed",
        "output folder not writable",
        &["closed/config.toml: cannot write: Permission"],
    );
    refused(
        &place,
        "train own.toml --out closed/run",
        "output folder not writable",
        &["closed/run: cannot make the folder: Perm"],
    );
    forbid("closed", 0o755);
}

/// A folder whose name no configuration can hold.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::own();
    let odd = OsStr::from_bytes(b"caf\xe9");
    fs::create_dir(place.path(odd)).unwrap();
    for file in ["own.toml", "data.npz", "edges.csv", "neurons.csv"] {
        fs::copy(place.path(file), place.path(odd).join(file)).unwrap();
    }
    let case = "folder whose name is not UTF-8";
    let mut command = place.command(["train", "own.toml", "--out", "../run"]);
    refused_by(&place, command.current_dir(place.path(odd)), case, &["run: it names ", "not UTF-8"]);
    // within the folder nobody has to name it
    let inside = place.command(["train", "own.toml", "--out", "run"]).current_dir(place.path(odd)).output().unwrap();
    assert!(inside.status.success(), "{inside:?}");
    // a result may be written there
    place.done("train own.toml --out run");
    let out = place.path(odd).join("g.safetensors");
    let mut command = place.command(["gradient", "run/model.safetensors", "data.npz", "--json", "--out"]);
    let answer = Answer::from(command.arg(&out).output().unwrap());
    assert!(answer.code == Some(0) && out.exists(), "{answer:?}");
    let mut command = place.command(["train", "own.toml", "--out"]);
    let answer = Answer::from(command.arg(place.path(odd).join("other")).output().unwrap());
    assert!(answer.code == Some(0), "{answer:?}");
}

/// Training that diverges: exit code 3, the last good checkpoint and the metrics before are kept.
#[test]
fn divergence() {
    let sgd = |rate: &str| format!("kind = \"sgd\"\nlearning-rate = {rate}");
    let adam = "kind = \"adam\"\nlearning-rate = 0.01";
    let relu = ("activation = \"tanh\"", "activation = \"relu\"");
    let linear = ("activation = \"tanh\"", "activation = \"identity\"");
    for (case, edits) in [
        ("relu", vec![relu, (adam, &*sgd("30.0"))]),
        ("identity", vec![linear, (adam, &*sgd("3.0")), ("rectified = true", "rectified = false")]),
        // the first step leaves parameters that are no numbers; with one step an epoch nothing sees them but the test
        ("beyond float32", vec![relu, (adam, &*sgd("1e38")), ("batch = 8", "batch = 20")]),
        (
            "beyond float32, in the last epoch",
            vec![relu, (adam, &*sgd("1e38")), ("batch = 8", "batch = 20"), ("epochs = 3", "epochs = 1")],
        ),
        (
            "checkpoints by steps",
            vec![relu, (adam, &*sgd("1e38")), ("[connectome]", "[checkpoint]\nsteps = 1\n[connectome]")],
        ),
    ] {
        let place = Place::own();
        let mut text = config(&edits);
        if !edits.iter().any(|(from, _)| from.starts_with("epochs")) {
            text = edited(&text, "epochs = 3", "epochs = 1000");
        }
        place.write("own.toml", text);
        let answer = place.typed(TRAIN);
        let message = answer.message(3);
        println!("| diverged: {case} | {} |", message.trim_end());
        let (_, at) = message.split_once(" in epoch ").expect("the epoch");
        let (epoch, step) = at.split_once(", step ").expect("the step");
        let (epoch, step): (usize, usize) = (epoch.parse().unwrap(), step.split(';').next().unwrap().parse().unwrap());
        assert!(epoch >= 1 && step >= 1 && message.contains("the last good checkpoint is kept"), "{case}: {message}");
        let found = place.done("evaluate run/checkpoint.safetensors data.npz --json").json();
        assert!(found["loss"].as_f64().is_some_and(f64::is_finite), "{case}: {found}");
        // the epochs before, each with its losses
        let metrics = fs::read_to_string(place.path("run/metrics.csv")).unwrap_or_default();
        let rows: Vec<&str> = metrics.lines().skip(1).collect();
        assert_eq!(rows.len(), epoch - 1, "{case}: {metrics}");
        for (k, row) in rows.iter().enumerate() {
            assert!(row.starts_with(&format!("{},", k + 1)), "{case}: {row}");
            assert!(
                row.split(',').skip(3).take(2).all(|loss| loss.parse::<f64>().unwrap().is_finite()),
                "{case}: {row}"
            );
        }
        let names = place.names("run");
        assert!(!names.iter().any(|name| name.ends_with(".tmp") || name == "model.safetensors"), "{case}: {names:?}");
    }
}
