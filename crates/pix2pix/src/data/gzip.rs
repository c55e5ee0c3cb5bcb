//! What gzip packed: its members one behind the other, and zeros, with which tapes and disks fill their last block.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Unpacks a file, and compares the checksum of each member. Zeros behind one are skipped, as by Python's gzip; `gzip` too takes
/// zeros to the end for the end.
pub struct Gunzip<R> {
    /// The member that is read.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gunzip<R> {
    /// A reader of what is packed.
    pub fn new(packed: R) -> Self {
        Self {
            member: Some(GzDecoder::new(packed)),
        }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(bytes)?;
            if count > 0 || bytes.is_empty() || is_at_end(member.get_mut())? {
                return Ok(count);
            }
            let packed = self.member.take().map(GzDecoder::into_inner);
            self.member = packed.map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// Skips zeros, and says whether nothing is behind them.
fn is_at_end(packed: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = packed.fill_buf()?;
        if buffer.is_empty() {
            return Ok(true);
        }
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let is_more = zeros < buffer.len();
        packed.consume(zeros);
        if is_more {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut member = GzEncoder::new(Vec::new(), Compression::fast());
        member.write_all(text).unwrap();
        member.finish().unwrap()
    }

    /// Unpacks through a buffer that is smaller than the zeros.
    fn unpacked(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Gunzip::new(BufReader::with_capacity(100, file)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn zeros_behind_a_member_are_no_damage() {
        let (one, two) = (packed(b"one"), packed(b"two"));
        let zeros = [0; 512];
        for (file, expected) in [
            ([&one[..], &two].concat(), &b"onetwo"[..]),
            ([&one[..], &zeros].concat(), b"one"),
            ([&one[..], &two, &zeros].concat(), b"onetwo"),
            ([&one[..], &zeros, &two].concat(), b"onetwo"),
            ([&packed(b"")[..], &zeros].concat(), b""),
        ] {
            assert_eq!(unpacked(&file).unwrap(), expected);
        }
    }

    #[test]
    fn what_gzip_did_not_pack_is_damage() {
        let one = packed(b"one");
        let mut wrong = one.clone();
        wrong[one.len() - 8] ^= 1; // the checksum
        for file in [
            [&one[..], b"rest"].concat(),
            [&one[..], &[0; 512], b"rest"].concat(),
            one[..one.len() - 1].to_vec(),
            wrong,
            vec![0; 512],
            Vec::new(),
        ] {
            assert!(unpacked(&file).is_err(), "{file:?}");
        }
    }
}
