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
    file.extend_from_slice(&format(7, 1)); // WAVE_FORMAT_MULAW
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

/// The same as 16-bit linear samples, which every carrier plays.
pub fn wav_linear(audio: &[u8]) -> Vec<u8> {
    let bytes = u32::try_from(audio.len()).unwrap_or(u32::MAX).saturating_mul(2);
    let mut file = Vec::with_capacity(44 + audio.len() * 2);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&bytes.saturating_add(36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    file.extend_from_slice(&format(1, 2)); // WAVE_FORMAT_PCM
    file.extend_from_slice(b"data");
    file.extend_from_slice(&bytes.to_le_bytes());
    audio.iter().for_each(|sample| file.extend_from_slice(&linear(*sample).to_le_bytes()));
    file
}

/// The fields of a `fmt ` chunk: one channel, 8,000 samples a second, of so many bytes.
fn format(tag: u16, bytes: u16) -> [u8; 16] {
    let mut fields = [0; 16];
    fields[..2].copy_from_slice(&tag.to_le_bytes());
    fields[2..4].copy_from_slice(&1u16.to_le_bytes());
    fields[4..8].copy_from_slice(&8_000u32.to_le_bytes());
    fields[8..12].copy_from_slice(&(8_000 * u32::from(bytes)).to_le_bytes());
    fields[12..14].copy_from_slice(&bytes.to_le_bytes());
    fields[14..].copy_from_slice(&(8 * bytes).to_le_bytes());
    fields
}

/// A mu-law sample as a linear one (ITU-T G.711, table 2a).
fn linear(sample: u8) -> i16 {
    let bits = !sample;
    let magnitude = (((i16::from(bits & 0x0f) << 3) + 0x84) << (bits >> 4 & 7)) - 0x84;
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
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
    fn linear_samples_are_those_of_the_table() {
        for (sample, value) in
            [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xfe, 8), (0xef, 132), (0x8f, 16_764)]
        {
            assert_eq!(linear(sample), value, "{sample:#x}");
        }
        let file = wav_linear(&[0x80, 0xff, 0x00]);
        assert_eq!((file.len(), &file[44..]), (50, &[0x7c, 0x7d, 0, 0, 0x84, 0x82][..]));
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
