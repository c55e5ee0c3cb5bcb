//! Small files that claim, or unpack to, far more than they hold.

use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};

/// Bytes of zeros as zlib packs them (RFC 1950): a block of a million, again and again.
pub fn zeros(count: u64) -> Vec<u8> {
    const BLOCK: usize = 1 << 20;
    let packed = |count: usize, flush| {
        let mut bytes = Vec::with_capacity(BLOCK);
        let mut packer = Compress::new(Compression::best(), false);
        let done = packer.compress_vec(&vec![0; count], &mut bytes, flush);
        done.unwrap();
        bytes
    };
    let (blocks, rest) = (count / BLOCK as u64, count % BLOCK as u64);
    let mut file = b"\x78\xda".to_vec();
    file.extend(packed(BLOCK, FlushCompress::Full).repeat(blocks as usize));
    file.extend(packed(rest as usize, FlushCompress::Finish));
    let checksum = ((count % 65521) << 16) as u32 | 1; // Adler-32 of zeros
    file.extend(checksum.to_be_bytes());
    file
}

/// A black PNG in 8-bit RGB with further chunks behind its header.
pub fn png([width, height]: [u32; 2], chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], content: &[u8]| {
        let mut checked = kind.to_vec();
        checked.extend_from_slice(content);
        let mut checksum = flate2::Crc::new();
        checksum.update(&checked);
        file.extend((content.len() as u32).to_be_bytes());
        file.extend(checked);
        file.extend(checksum.sum().to_be_bytes());
    };
    let sides = [width, height].map(u32::to_be_bytes).concat();
    chunk(b"IHDR", &[&sides[..], &[8, 2, 0, 0, 0]].concat());
    for (kind, content) in chunks {
        chunk(kind, content);
    }
    let row = u64::from(width) * 3 + 1;
    chunk(b"IDAT", &zeros(row * u64::from(height)));
    chunk(b"IEND", &[]);
    file
}

/// A chunk iCCP, whose color profile unpacks to `bytes` bytes.
pub fn profile(bytes: u64) -> (&'static [u8; 4], Vec<u8>) {
    (b"iCCP", [&b"x\0\0"[..], &zeros(bytes)].concat())
}

/// A TIFF of zeros, packed in one strip or tile, with `bands` of 32-bit floats. `tile` is the side of its only tile.
pub fn tiff([width, height]: [u32; 2], bands: u16, tile: Option<u32>) -> Vec<u8> {
    let [across, down] = tile.map_or([width, height], |side| [side; 2]);
    let packed = zeros(u64::from(across) * u64::from(down) * u64::from(bands) * 4);
    // many equal numbers, one for each band: bits and formats
    let [bits, formats] = [32u16, 3].map(|value| value.to_le_bytes().repeat(bands.into()));
    let mut file = b"II\x2a\0\0\0\0\0".to_vec();
    let mut place = |content: &[u8]| {
        let at = file.len() as u32;
        file.extend_from_slice(content);
        at
    };
    let data = place(&packed);
    // a single number has its place in the entry
    let (bits, formats) = match bands {
        1 => (32, 3),
        _ => (place(&bits), place(&formats)),
    };
    let many = u32::from(bands);
    let mut entries = vec![
        (256, LONG, 1, width),
        (257, LONG, 1, height),
        (258, SHORT, many, bits),
        (259, SHORT, 1, 8), // Deflate
        (262, SHORT, 1, 1),
        (277, SHORT, 1, many),
        (339, SHORT, many, formats),
    ];
    entries.extend(match tile {
        None => [
            (273, LONG, 1, data),
            (278, LONG, 1, height),
            (279, LONG, 1, packed.len() as u32),
        ]
        .to_vec(),
        Some(side) => [
            (322, LONG, 1, side),
            (323, LONG, 1, side),
            (324, LONG, 1, data),
            (325, LONG, 1, packed.len() as u32),
        ]
        .to_vec(),
    });
    if bands > 1 {
        let extra = match bands {
            ..4 => 0,
            _ => place(&0u16.to_le_bytes().repeat(usize::from(bands) - 1)),
        };
        entries.push((338, SHORT, many - 1, extra));
    }
    with_directory(file, entries)
}

/// Types of a TIFF's numbers.
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// An entry of a TIFF's directory: tag, type, number of values, value or place.
type Entry = (u16, u16, u32, u32);

/// A TIFF file that begins with these bytes, and has one page with these entries.
fn with_directory(mut file: Vec<u8>, mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_unstable();
    let directory = file.len() as u32;
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(u16::to_le_bytes(tag));
        file.extend(u16::to_le_bytes(kind));
        file.extend(u32::to_le_bytes(count));
        file.extend(u32::to_le_bytes(value));
    }
    file.extend([0; 4]); // no other page
    file[4..8].copy_from_slice(&directory.to_le_bytes());
    file
}

/// A tar with a name of so many MiB, that gzip packed.
pub fn tar_name(mebibytes: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(mebibytes << 20);
    header.set_cksum();
    let mut tar = GzEncoder::new(Vec::new(), Compression::fast());
    tar.write_all(header.as_bytes()).unwrap();
    for _ in 0..mebibytes {
        tar.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    tar.finish().unwrap()
}

/// The beginning and the entries of a TIFF file of gray pixels, `side` by `side`, whose tiles all lie at the same place.
fn shared_tiles(stored: &[u8], compression: u32, [side, tile]: [u32; 2]) -> (Vec<u8>, Vec<Entry>) {
    let mut file = b"II\x2a\0\0\0\0\0".to_vec();
    file.extend(stored);
    let count = (side / tile).pow(2);
    let mut repeated = |value: usize| match count {
        1 => value as u32,
        _ => {
            let place = file.len() as u32;
            file.extend((value as u32).to_le_bytes().repeat(count as usize));
            place
        }
    };
    let [starts, counts] = [8, stored.len()].map(&mut repeated);
    let entries = vec![
        (256, LONG, 1, side),
        (257, LONG, 1, side),
        (258, SHORT, 1, 8),
        (259, SHORT, 1, compression),
        (262, SHORT, 1, 1),
        (277, SHORT, 1, 1),
        (322, LONG, 1, tile),
        (323, LONG, 1, tile),
        (324, LONG, count, starts),
        (325, LONG, count, counts),
    ];
    (file, entries)
}

/// A TIFF file whose only tile is [`jpeg`] with so many scans; its quantization table is the page's, with `comment` bytes of a
/// comment.
pub fn tiff_jpeg(scans: usize, comment: usize) -> Vec<u8> {
    let tile = jpeg(scans);
    let (table, rest) = tile[2..].split_at(69);
    let (mut file, mut entries) = shared_tiles(&[b"\xff\xd8", rest].concat(), 7, [2048; 2]);
    let mut tables = [b"\xff\xd8", table].concat();
    for length in std::iter::repeat_n(1 << 15, comment >> 15) {
        tables.extend(b"\xff\xfe");
        tables.extend(u16::to_be_bytes(length + 2));
        tables.resize(tables.len() + usize::from(length), 0);
    }
    tables.extend(b"\xff\xd9");
    const UNDEFINED: u16 = 7;
    entries.push((347, UNDEFINED, tables.len() as u32, file.len() as u32));
    file.extend(tables);
    with_directory(file, entries)
}

/// A TIFF file of black pixels whose tiles are all the same `bytes` bytes; `sides` are those of the picture and of a tile.
pub fn tiff_shared(sides: [u32; 2], bytes: usize) -> Vec<u8> {
    let (file, entries) = shared_tiles(&vec![0; bytes], 1, sides);
    with_directory(file, entries)
}

/// A TIFF file of 600 kB with 5,400 directories of 512 tags, each of which begins at the second entry of the one before it. The
/// tags have no values, so that codes and types are free to be the places of directories.
pub fn tiff_overlapping() -> Vec<u8> {
    const TAGS: u32 = 512;
    const DIRECTORIES: u32 = 5400;
    const FIRST: u32 = 1 << 16;
    let mut file = b"II\x2a\0\0\0\x01\0".to_vec();
    file.resize(FIRST as usize, 0);
    file.extend((TAGS as u16).to_le_bytes());
    for entry in 0..TAGS + DIRECTORIES {
        let code = match entry.checked_sub(TAGS - 1) {
            Some(directory) => 12 * directory,
            None => 12 * entry + 5,
        };
        let is_last = entry == TAGS + DIRECTORIES - 1;
        let place = if is_last { 0 } else { FIRST + code };
        file.extend(place.to_le_bytes());
        file.extend([0; 6]);
        file.extend((TAGS as u16).to_le_bytes());
    }
    file.resize(600_000, 0);
    file
}

/// A TIFF file of so many pages with nothing but 512 descriptions each.
pub fn tiff_descriptions(pages: usize) -> Vec<u8> {
    let entry = [&270u16.to_le_bytes()[..], &[2, 0, 5, 0, 0, 0, 0, 0, 0, 0]].concat();
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    for page in 1..=pages {
        file.extend(512u16.to_le_bytes());
        file.extend(entry.repeat(512));
        let next = if page < pages { file.len() + 4 } else { 0 };
        file.extend((next as u32).to_le_bytes());
    }
    file
}

/// A NumPy array whose header has `length` bytes by its head, and is `text`.
pub fn npy(length: u32, text: &[u8]) -> Vec<u8> {
    [&b"\x93NUMPY\x02\0"[..], &length.to_le_bytes(), text].concat()
}

/// A WebP whose EXIF part has `length` bytes by its head.
pub fn webp(length: u32) -> Vec<u8> {
    let part = |kind: &[u8; 4], length: u32, content: &[u8]| {
        [&kind[..], &length.to_le_bytes(), content].concat()
    };
    let size = 63u32.to_le_bytes();
    let canvas = [&[8, 0, 0, 0], &size[..3], &size[..3]].concat(); // with EXIF
    let parts = [
        part(b"VP8X", 10, &canvas),
        part(b"VP8L", 6, &[0x2f, 63, 0xc0, 0x0f, 0, 0]),
        part(b"EXIF", length, b"MM"),
    ]
    .concat();
    let body = [&b"WEBP"[..], &parts].concat();
    part(b"RIFF", body.len() as u32, &body)
}

/// A progressive JPEG of 2048x2048 gray pixels with so many scans without content.
pub fn jpeg(scans: usize) -> Vec<u8> {
    let mut file = b"\xff\xd8".to_vec();
    file.extend(b"\xff\xdb\0\x43\0");
    file.extend([1; 64]);
    file.extend(b"\xff\xc2\0\x0b\x08\x08\0\x08\0\x01\x01\x11\0");
    // Huffman tables with one code: 0 for the value 0
    for class in [0x00, 0x10] {
        file.extend([0xff, 0xc4, 0, 20, class, 1]);
        file.extend([0; 16]);
    }
    for index in 0..scans {
        let [first, last] = if index == 0 { [0, 0] } else { [1, 63] };
        file.extend([0xff, 0xda, 0, 8, 1, 1, 0, first, last, 0]);
        file.extend([0; 8192]);
    }
    file.extend(b"\xff\xd9");
    file
}

/// A text in a pickle.
fn text(text: &str) -> Vec<u8> {
    let length = (text.len() as u32).to_le_bytes();
    [&b"X"[..], &length, text.as_bytes()].concat()
}

/// A pickle of PyTorch with a dictionary that has another one twice, and so on, so often.
pub fn pth_nested(levels: u8) -> Vec<u8> {
    let mut pickle = b"\x80\x02}q\0".to_vec();
    for level in 0..levels {
        pickle.extend(b"}(");
        for name in ["a", "b"] {
            pickle.extend(text(name));
            pickle.extend([b'h', level]); // the last one
        }
        pickle.extend([b'u', b'q', level + 1]);
    }
    pickle.extend(b".");
    zipped(&pickle, false)
}

/// A pickle of PyTorch with one tensor of `sides` that repeats a single value, in a zip.
pub fn pth(sides: &[u32], packed: bool) -> Vec<u8> {
    let number = |value: u32| [&b"J"[..], &value.to_le_bytes()].concat();
    let tuple = |values: &[u32]| {
        let values: Vec<u8> = values.iter().flat_map(|value| number(*value)).collect();
        [&b"("[..], &values, b"t"].concat()
    };
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    pickle.extend(text("model.model.0.weight"));
    pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    pickle.extend(text("storage"));
    pickle.extend(b"ctorch\nFloatStorage\n");
    pickle.extend([text("0"), text("cpu"), number(1)].concat());
    pickle.extend(b"tQ");
    pickle.extend([number(0), tuple(sides), tuple(&vec![0; sides.len()])].concat());
    pickle.extend(b"\x89ccollections\nOrderedDict\n)RtRu.");
    zipped(&pickle, packed)
}

/// PyTorch's zip of a pickle and four bytes of values.
fn zipped(pickle: &[u8], packed: bool) -> Vec<u8> {
    let method = match packed {
        true => zip::CompressionMethod::Deflated,
        false => zip::CompressionMethod::Stored,
    };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [
        ("archive/data.pkl", pickle),
        ("archive/byteorder", b"little"),
        ("archive/data/0", &[0; 4]),
        ("archive/version", b"3\n"),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
