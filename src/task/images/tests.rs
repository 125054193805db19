use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const DRAW: Images =
    Images { by: Scan::Rows, train_samples: Some(40), test_samples: Some(20), data: None, samples: Drawn::Fixed };
const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, 8, sizes.len() as u8];
    out.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    out.extend(bytes);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// 3 images of 2 x 4 to learn from, 2 to test on.
fn contents() -> [Vec<u8>; 4] {
    let train: Vec<u8> = (0..24).map(|k| k * 10).collect();
    [idx(&[3, 2, 4], &train), idx(&[3], &[7, 0, 9]), idx(&[2, 2, 4], &[[255; 8], [51; 8]].concat()), idx(&[2], &[1, 2])]
}

/// A folder with these four files.
fn folder(contents: &[Vec<u8>; 4]) -> TempDir {
    let folder = TempDir::new().unwrap();
    FILES.iter().zip(contents).for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
    folder
}

fn from(folder: &TempDir) -> Images {
    Images {
        by: Scan::Rows,
        train_samples: None,
        test_samples: None,
        data: Some(folder.path().into()),
        samples: Drawn::Fixed,
    }
}

fn labels(dataset: &Dataset) -> &[u32] {
    let Targets::Classes { labels, classes: 10 } = dataset.targets() else { panic!("labels of 10 classes") };
    labels
}

fn shape(dataset: &Dataset) -> [usize; 3] {
    [dataset.samples(), dataset.steps(), dataset.channels()]
}

/// What is said of the folder in which one file is another, with the folder's path taken out.
fn problem(file: usize, bytes: &[u8]) -> String {
    let mut contents = contents();
    contents[file] = bytes.to_vec();
    let folder = folder(&contents);
    let text = from(&folder).generate(1).unwrap_err().to_string();
    assert!(text.contains(FILES[file]), "{text}");
    text
}

#[test]
fn files_are_read_as_they_are() {
    let folder = folder(&contents());
    let task = from(&folder);
    let data = task.generate(1).unwrap();
    assert_eq!([shape(data.train()), shape(data.test())], [[3, 2, 4], [2, 2, 4]]);
    let want: Vec<f32> = (0..24).map(|k| (10 * k) as f32 / 255.0).collect();
    assert_eq!(data.train().inputs(), want);
    assert_eq!(data.test().inputs(), [[1.0; 8], [0.2; 8]].concat());
    assert_eq!((labels(data.train()), labels(data.test())), (&[7, 0, 9][..], &[1, 2][..]));
    // the seed has no part in it
    assert_eq!(task.generate(2).unwrap(), data);
    let pixels = Images { by: Scan::Pixels, ..task }.generate(1).unwrap();
    assert_eq!(shape(pixels.train()), [3, 8, 1]);
    assert_eq!((pixels.train().inputs(), labels(pixels.train())), (data.train().inputs(), labels(data.train())));
}

#[test]
fn packed_files_and_other_names_are_the_same() {
    let plain = folder(&contents());
    let want = from(&plain).generate(1).unwrap();
    let names = [
        "train-images-idx3-ubyte.gz",
        "train-labels.idx1-ubyte",
        "t10k-images.idx3-ubyte.gz",
        // packed, though the name does not say so
        "t10k-labels-idx1-ubyte",
    ];
    let other = TempDir::new().unwrap();
    for ((name, bytes), packed) in names.iter().zip(contents()).zip([true, false, true, true]) {
        fs::write(other.path().join(name), if packed { gzip(&bytes) } else { bytes }).unwrap();
    }
    assert_eq!(from(&other).generate(1).unwrap(), want);
}

#[test]
fn the_first_samples_are_taken() {
    let folder = folder(&contents());
    let all = from(&folder).generate(1).unwrap();
    let some = Images { train_samples: Some(2), test_samples: Some(1), ..from(&folder) }.generate(1).unwrap();
    assert_eq!(some.train().inputs(), &all.train().inputs()[..16]);
    assert_eq!((labels(some.train()), labels(some.test())), (&[7, 0][..], &[1][..]));
    let problem = |train_samples, test_samples| {
        Images { train_samples, test_samples, ..from(&folder) }.generate(1).unwrap_err().to_string()
    };
    let text = problem(Some(4), None);
    assert!(
        text.starts_with("`task.train-samples`: 4, but") && text.contains("has 3 images; expected at most 3"),
        "{text}"
    );
    let text = problem(None, Some(60_000));
    assert!(text.starts_with("`task.test-samples`: 60000, but") && text.contains("at most 2"), "{text}");
    assert!(problem(Some(0), None).starts_with("`task.train-samples`: 0"));
}

#[test]
fn broken_files_are_named() {
    let [images, labels, ..] = contents();
    for (file, bytes, says) in [
        (0, &b""[..], "cut off"),
        (0, &images[..3], "cut off"),
        (0, &images[..9], "cut off"),
        (0, &images[..39], "[3, 2, 4] is declared, 24 bytes, but there are 23"),
        (0, &[&images[..], &[0]].concat(), "[3, 2, 4] is declared, 24 bytes, but more follow"),
        (0, &labels, "begins with the bytes [0, 0, 8, 1]; expected [0, 0, 8, 3]"),
        (0, b"<html>Not found</html>", "begins with the bytes [60, 104, 116, 109]"),
        (0, &idx(&[3, 0, 4], &[]), "[3, 0, 4] is declared; expected at least 1"),
        (0, &idx(&[u32::MAX; 3], &[0; 24]), "more than any file holds"),
        (0, &idx(&[u32::MAX, u32::MAX, 1], &[0; 24]), "but there are 24"),
        (1, &idx(&[4], &[1; 4]), "4 labels, but train-images-idx3-ubyte has 3 images"),
        (1, &idx(&[3], &[0, 1, 10]), "label 10 at [2]; expected 0 to 9"),
        (2, &gzip(&contents()[2])[..20], "cut off"),
        (2, &gzip(&contents()[2][..20]), "but there are 4"),
        (2, &gzip(&idx(&[2, 2, 4], &[0; 1000])), "more follow"),
    ] {
        let text = problem(file, bytes);
        assert!(text.contains(says), "{says}: {text}");
    }
    // the checksum stands behind the last number
    let mut packed = gzip(&contents()[2]);
    let end = packed.len();
    packed[end - 8] ^= 1;
    let text = problem(2, &packed);
    assert!(text.contains("damaged"), "{text}");
}

#[test]
fn splits_must_have_one_size() {
    let mut contents = contents();
    contents[2] = idx(&[2, 4, 2], &[0; 16]);
    let folder = folder(&contents);
    let text = from(&folder).generate(1).unwrap_err().to_string();
    assert!(text.contains("2 x 4 pixels, but 4 x 2 to test on"), "{text}");
}

#[test]
fn what_is_not_there_is_named() {
    let folder = folder(&contents());
    fs::remove_file(folder.path().join(FILES[3])).unwrap();
    let text = from(&folder).generate(1).unwrap_err().to_string();
    for name in [FILES[3], "t10k-labels-idx1-ubyte.gz", "t10k-labels.idx1-ubyte", "t10k-labels.idx1-ubyte.gz"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    let nowhere = Images { data: Some(folder.path().join("none")), ..DRAW };
    let text = nowhere.generate(1).unwrap_err().to_string();
    assert!(text.contains("none: is no folder") && text.contains(FILES[0]), "{text}");
    fs::create_dir(folder.path().join(FILES[3])).unwrap();
    let text = from(&folder).generate(1).unwrap_err().to_string();
    assert!(text.contains("t10k-labels-idx1-ubyte: cannot read"), "{text}");
}

proptest! {
    #[test]
    fn no_file_is_too_strange(bytes: Vec<u8>, like in any::<bool>(), packed in any::<bool>()) {
        let bytes = if like { [&[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0], &bytes[..]].concat() } else { bytes };
        let mut contents = contents();
        contents[0] = if packed { gzip(&bytes) } else { bytes };
        let folder = folder(&contents);
        // whatever is taken holds what it says
        if let Ok(data) = from(&folder).generate(1) {
            let held = contents[0].len();
            prop_assert!(packed || held == 16 + shape(data.train()).iter().product::<usize>());
        }
    }
}

#[test]
fn digits_are_drawn_on_white_paper() {
    let data = Images { train_samples: Some(500), ..DRAW }.generate(3).unwrap();
    assert_eq!([shape(data.train()), shape(data.test())], [[500, 28, 28], [20, 28, 28]]);
    for image in data.train().inputs().chunks(784) {
        assert!(image.iter().all(|value| (0.0..=1.0).contains(value)));
        let ink: f32 = image.iter().sum();
        let dark = image.iter().copied().fold(0.0, f32::max);
        let paper = image.iter().filter(|&&value| value == 0.0).count();
        // thin ones have about 20 pixels of ink, bold eights about 250
        assert!(dark > 0.5 && (10.0..300.0).contains(&ink) && paper > 350, "{dark} {ink} {paper}");
        // the middle of the ink is near the middle of the image
        let middle = [0, 1].map(|axis| {
            let place = |at: usize| if axis == 0 { at % 28 } else { at / 28 } as f32 + 0.5;
            image.iter().enumerate().map(|(at, value)| value * place(at)).sum::<f32>() / ink
        });
        assert!(middle.iter().all(|at| (at - 14.0).abs() < 4.0), "{middle:?}");
    }
}

#[test]
fn each_digit_is_as_likely() {
    let data = Images { train_samples: Some(2000), ..DRAW }.generate(5).unwrap();
    let mut counts = [0; 10];
    labels(data.train()).iter().for_each(|&label| counts[label as usize] += 1);
    // 200 each, with a deviation of 13
    assert!(counts.iter().all(|count| (140..=260).contains(count)), "{counts:?}");
}

#[test]
fn images_follow_from_the_seed_and_splits_are_apart() {
    let data = DRAW.generate(1).unwrap();
    assert_eq!(data, DRAW.generate(1).unwrap());
    assert_ne!(data, DRAW.generate(2).unwrap());
    let larger = Images { train_samples: Some(41), test_samples: Some(40), ..DRAW }.generate(1).unwrap();
    assert_eq!(&larger.train().inputs()[..40 * 784], data.train().inputs());
    assert_eq!(&larger.test().inputs()[..20 * 784], data.test().inputs());
    // no image twice, in either split
    let mut images: Vec<Vec<u32>> = [larger.train(), larger.test()]
        .iter()
        .flat_map(|split| split.inputs().chunks(784))
        .map(|image| image.iter().map(|value| value.to_bits()).collect())
        .collect();
    images.sort_unstable();
    images.dedup();
    assert_eq!(images.len(), 81);
    let pixels = Images { by: Scan::Pixels, ..DRAW }.generate(1).unwrap();
    assert_eq!(shape(pixels.train()), [40, 784, 1]);
    assert_eq!((pixels.train().inputs(), labels(pixels.train())), (data.train().inputs(), labels(data.train())));
}

#[test]
fn threads_do_not_matter() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Images { train_samples: Some(203), ..DRAW }.generate(1).unwrap())
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
}

/// Recorded seeds must mean the same on every machine and in every version.
#[test]
fn digits_are_the_recorded_ones() {
    let data = DRAW.generate(1).unwrap();
    assert_eq!(labels(data.train())[..8], [1, 1, 2, 7, 7, 1, 0, 9]);
    let shades: Vec<u32> = data.train().inputs().iter().map(|value| (value * 255.0).round() as u32).collect();
    // the middle row of the first, the sum of all
    assert_eq!(shades[14 * 28 + 11..][..7], [0, 0, 48, 223, 130, 0, 0]);
    assert_eq!(shades.iter().sum::<u32>(), 1_039_827);
}

/// As hard as it should be: the mean image of each digit tells many digits, but not all.
#[test]
fn digits_are_alike_but_not_the_same() {
    let data = Images { train_samples: Some(2000), test_samples: Some(1000), ..DRAW }.generate(1).unwrap();
    let mut means = vec![[0.0f32; 784]; 10];
    let mut counts = [0.0f32; 10];
    for (image, &label) in data.train().inputs().chunks(784).zip(labels(data.train())) {
        means[label as usize].iter_mut().zip(image).for_each(|(mean, value)| *mean += value);
        counts[label as usize] += 1.0;
    }
    let distance = |image: &[f32], k: usize| -> f32 {
        image.iter().zip(&means[k]).map(|(value, sum)| (value - sum / counts[k]).powi(2)).sum()
    };
    let right = data.test().inputs().chunks(784).zip(labels(data.test())).filter(|(image, label)| {
        let best = (0..10).min_by(|&a, &b| distance(image, a).total_cmp(&distance(image, b)));
        best == Some(**label as usize)
    });
    let share = right.count() as f64 / 1000.0;
    assert!((0.6..0.99).contains(&share), "{share}");
}

#[test]
fn wrong_sizes_are_named() {
    let problem = |task: Images| task.generate(1).unwrap_err().to_string();
    assert!(problem(Images { train_samples: Some(0), ..DRAW }).starts_with("`task.train-samples`: 0"));
    assert!(problem(Images { test_samples: Some(0), ..DRAW }).starts_with("`task.test-samples`: 0"));
    let huge = problem(Images { train_samples: Some(usize::MAX), ..DRAW });
    assert!(huge.starts_with("`task.train-samples`") && huge.contains("at most 4294967295"), "{huge}");
}

#[test]
fn where_images_come_from_is_said() {
    use crate::task::TaskSpec;
    let spec = |data: &str| -> TaskSpec { toml::from_str(&format!("kind = 'images'\nby = 'pixels'\n{data}")).unwrap() };
    assert_eq!(spec("").data_label().unwrap(), DRAW.source());
    assert_eq!(DRAW.source(), "drawn digits, not MNIST");
    let files = spec("data = 'mnist'");
    assert_eq!(files.data_label().unwrap(), "IDX files from mnist");
    assert_eq!(files.path(), Some(Path::new("mnist")));
    // looked for beside the configuration
    let text = files.load(1, Path::new("/nowhere")).unwrap_err().to_string();
    assert!(text.starts_with("/nowhere/mnist: is no folder"), "{text}");
    assert!(toml::to_string(&files).unwrap().contains(&format!("kind = \"{}\"", DRAW.name())));
}

/// Writes drawn digits side by side, to be looked at.
#[test]
#[ignore = "writes a picture (PGM) to the file that DALEIAN_SHEET names"]
fn contact_sheet() {
    let path = std::env::var("DALEIAN_SHEET").unwrap();
    let (across, down) = (40, 10);
    let mut sheet = vec![255u8; across * down * 900];
    for place in 0..across * down {
        let (digit, column) = (place / across, place % across);
        let mut image = [0.0; 784];
        digits::draw(digit, &mut stream(1, Purpose::TrainSamples, place as u32), &mut image);
        for (at, value) in image.iter().enumerate() {
            let (x, y) = (column * 30 + 1 + at % 28, digit * 30 + 1 + at / 28);
            sheet[y * across * 30 + x] = 255 - (255.0 * value) as u8;
        }
    }
    let mut file = format!("P5 {} {} 255\n", across * 30, down * 30).into_bytes();
    file.extend(sheet);
    fs::write(path, file).unwrap();
}
