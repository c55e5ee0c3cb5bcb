//! TIFF files with any tags, for tests.

use super::Content;

/// A TIFF file of 16x16 gray pixels with these tags besides: code, type, number and bytes of the values.
pub fn file(tags: &[(u16, u16, u32, &[u8])]) -> Content {
    let long = |value: u32| value.to_le_bytes().to_vec();
    let number = |code, value| (code, 4, 1, long(value));
    let mut entries = vec![
        number(256, 16),
        number(257, 16),
        number(258, 8),
        number(259, 1),
        number(262, 1),
        number(273, 8),
        number(278, 16),
        number(279, 256),
    ];
    let given = tags.iter().copied();
    entries.extend(given.map(|(code, kind, count, bytes)| (code, kind, count, bytes.to_vec())));
    entries.sort_by_key(|(code, ..)| *code);
    let start = 8 + 256;
    let mut behind = start + 2 + 12 * entries.len() as u32 + 4;
    let (mut table, mut values) = (Vec::new(), Vec::new());
    for (code, kind, count, mut bytes) in entries.iter().cloned() {
        table.extend(code.to_le_bytes());
        table.extend(kind.to_le_bytes());
        table.extend(count.to_le_bytes());
        if bytes.len() > 4 {
            table.extend(behind.to_le_bytes());
            behind += bytes.len() as u32;
            values.extend(bytes);
        } else {
            bytes.resize(4, 0);
            table.extend(bytes);
        }
    }
    let mut file = [&b"II\x2a\0"[..], &long(start)].concat();
    file.extend(0..=255u8);
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend(table);
    file.extend([0; 4]);
    file.extend(values);
    file.into()
}
