//! WAV files of mu-law samples, which browsers, phones and `sox` all play.

/// A WAV file (RIFF, format 7 with its `fact` chunk, one channel, 8 kHz) around
/// mu-law samples.
pub fn wav(audio: &[u8]) -> Vec<u8> {
    let samples = u32::try_from(audio.len()).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(HEADER + audio.len() + 1);
    file.extend_from_slice(b"RIFF");
    // Chunks are of even length (Multimedia Programming Interface 1.0, RIFF).
    file.extend_from_slice(&(HEADER as u32 - 8 + samples + samples % 2).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&18u32.to_le_bytes());
    file.extend_from_slice(&7u16.to_le_bytes()); // WAVE_FORMAT_MULAW
    file.extend_from_slice(&1u16.to_le_bytes()); // channels
    file.extend_from_slice(&8_000u32.to_le_bytes()); // samples a second
    file.extend_from_slice(&8_000u32.to_le_bytes()); // bytes a second
    file.extend_from_slice(&1u16.to_le_bytes()); // bytes a sample
    file.extend_from_slice(&8u16.to_le_bytes()); // bits a sample
    file.extend_from_slice(&0u16.to_le_bytes()); // no more format bytes
    file.extend_from_slice(b"fact");
    file.extend_from_slice(&4u32.to_le_bytes());
    file.extend_from_slice(&samples.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&samples.to_le_bytes());
    file.extend_from_slice(audio);
    if samples % 2 == 1 {
        file.push(0);
    }
    file
}

/// Everything before the samples.
const HEADER: usize = 58;

/// The samples of a WAV file that is 8 kHz mono mu-law; `None` for any other.
pub fn samples(file: &[u8]) -> Option<&[u8]> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut fits = false;
    loop {
        let (head, tail) = rest.split_first_chunk::<8>()?;
        let length = u32::from_le_bytes(*head[4..].first_chunk()?) as usize;
        match &head[..4] {
            b"fmt " => fits = tail.get(..8)? == [7, 0, 1, 0, 0x40, 0x1f, 0, 0],
            b"data" => return tail.get(..length).filter(|_| fits),
            _ => {}
        }
        rest = tail.get(length + length % 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back_whatever_its_length() {
        for audio in [&[][..], &[1], &[1, 2], &[0xff; 801]] {
            let file = wav(audio);
            assert_eq!(samples(&file), Some(audio));
            assert_eq!(file.len() % 2, 0);
            assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize, file.len() - 8);
        }
    }

    #[test]
    fn other_files_are_refused() {
        let mut pcm = wav(&[1, 2]);
        pcm[20] = 1;
        assert_eq!(samples(&pcm), None);
        for cut in 0..HEADER {
            assert_eq!(samples(&wav(&[1, 2])[..cut]), None);
        }
    }
}
