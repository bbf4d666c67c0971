//! Still pictures that nobody had to draw: a gradient and a play sign, always the same for the same playback id.

use png::{BitDepth, ColorType, Compression, Encoder, EncodingError};

const DEFAULT_WIDTH: u32 = 640;
const MIN_WIDTH: u32 = 16;
/// Pictures are made for every request, so they stay small.
const MAX_WIDTH: u32 = 1_280;

/// A picture of 16:9, `width` pixels wide.
pub(super) fn png(playback_id: &str, width: Option<u32>) -> Result<Vec<u8>, EncodingError> {
    let width = width.unwrap_or(DEFAULT_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH);
    let height = (width * 9 / 16).max(1);
    let [from, to] = colours(playback_id);
    let mut pixels = Vec::with_capacity(3 * width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            if is_in_play_sign(x, y, width, height) {
                pixels.extend([255; 3]);
            } else {
                let along = x * height + y * width;
                let whole = 2 * width * height;
                pixels.extend([0, 1, 2].map(|channel| between(from[channel], to[channel], along, whole)));
            }
        }
    }
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

/// Two dark colours that go with a white sign.
fn colours(playback_id: &str) -> [[u8; 3]; 2] {
    // FNV-1a: it only has to differ from one id to the next, and stay the same for ever.
    let hash = playback_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let bytes = hash.to_le_bytes();
    [[0, 1, 2].map(|part| 40 + bytes[part] / 2), [3, 4, 5].map(|part| 20 + bytes[part] / 4)]
}

fn between(from: u8, to: u8, along: u32, whole: u32) -> u8 {
    let mixed = (u64::from(from) * u64::from(whole - along) + u64::from(to) * u64::from(along)) / u64::from(whole);
    u8::try_from(mixed).unwrap_or(u8::MAX)
}

/// A triangle in the middle that points to the right, a third of the picture high.
fn is_in_play_sign(x: u32, y: u32, width: u32, height: u32) -> bool {
    let side = i64::from(height / 3);
    let from_left = i64::from(x) - (i64::from(width) - side) / 2;
    let from_middle = (i64::from(y) - i64::from(height / 2)).abs();
    (0..side).contains(&from_left) && 2 * from_middle <= side - from_left
}
