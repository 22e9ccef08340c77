//! The adaptive state of one context (ISO/IEC 14495-1 sections A.5, A.6 and A.7.2).

/// A.2.1: what A starts with.
fn initial(range: i32) -> i32 {
    ((range + 32) / 64).max(2)
}

/// The smallest k for which N times 2^k reaches A (A.5.1).
fn golomb(n: i32, a: i32) -> u32 {
    (0..30).find(|&k| i64::from(n) << k >= i64::from(a)).unwrap_or(30)
}

/// State of a regular context.
#[derive(Clone)]
pub struct Regular {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

impl Regular {
    pub fn new(range: i32) -> Self {
        Self { a: initial(range), b: 0, c: 0, n: 1 }
    }

    /// C: the bias of the prediction.
    pub fn correction(&self) -> i32 {
        self.c
    }

    pub fn golomb(&self) -> u32 {
        golomb(self.n, self.a)
    }

    /// A.5.2, inverted.
    pub fn unmap(&self, mapped: i32, k: u32, near: i32) -> i32 {
        let error = if mapped & 1 == 0 { mapped >> 1 } else { -((mapped + 1) >> 1) };
        if near == 0 && k == 0 && 2 * self.b <= -self.n { -1 - error } else { error }
    }

    /// A.6.
    pub fn update(&mut self, error: i32, near: i32, reset: i32) {
        self.b += error * (2 * near + 1);
        self.a = self.a.saturating_add(error.abs());
        if self.n == reset {
            self.a >>= 1;
            self.b >>= 1;
            self.n >>= 1;
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }
}

/// State of a run interruption context.
pub struct Run {
    a: i32,
    n: i32,
    negative: i32,
    /// RItype: 1 when the neighbours to the left and above are the same.
    kind: i32,
}

impl Run {
    pub fn new(range: i32, kind: i32) -> Self {
        Self { a: initial(range), n: 1, negative: 0, kind }
    }

    /// A.7.2.1: of the second kind, half of N counts with A.
    pub fn golomb(&self) -> u32 {
        golomb(self.n, self.a + self.kind * (self.n >> 1))
    }

    /// A.7.2.2, inverted.
    pub fn unmap(&self, mapped: i32, k: u32) -> i32 {
        let value = mapped + self.kind;
        let map = value & 1;
        let size = (value + map) >> 1;
        let negative_is_odd = k != 0 || 2 * self.negative >= self.n;
        if negative_is_odd == (map == 1) { -size } else { size }
    }

    /// A.7.2.3.
    pub fn update(&mut self, error: i32, mapped: i32, reset: i32) {
        if error < 0 {
            self.negative += 1;
        }
        self.a = self.a.saturating_add((mapped + 1 - self.kind) >> 1);
        if self.n == reset {
            self.a >>= 1;
            self.n >>= 1;
            self.negative >>= 1;
        }
        self.n += 1;
    }
}
