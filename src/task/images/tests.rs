use super::*;

/// Writes images of every digit side by side, to be looked at.
#[test]
#[ignore = "writes a contact sheet to the file named by DALEIAN_SHEET"]
fn contact_sheet() {
    let path = std::env::var("DALEIAN_SHEET").unwrap();
    let (across, down) = (40, 10);
    let mut sheet = vec![255u8; across * down * 900];
    for digit in 0..down {
        for column in 0..across {
            let mut image = vec![0.0; 784];
            digits::draw(digit, &mut stream(1, Purpose::TrainSamples, (digit * 100 + column) as u32), &mut image);
            for (at, value) in image.iter().enumerate() {
                let (x, y) = (column * 30 + 1 + at % 28, digit * 30 + 1 + at / 28);
                sheet[y * across * 30 + x] = 255 - (255.0 * value) as u8;
            }
        }
    }
    let mut file = format!("P5 {} {} 255\n", across * 30, down * 30).into_bytes();
    file.extend(sheet);
    std::fs::write(path, file).unwrap();
}
