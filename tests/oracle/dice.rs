//! Tests: the campaign's dice. Never throws anything else for the same seed.

/// Numbers that look random and are the same for the same seed (xorshift64*).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// 0 to `below` - 1.
    pub fn throw(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.throw(all.len() as u64) as usize]
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.throw(times) == 0
    }
}
