//! The rounds of SHA-1 and SHA-256 (FIPS 180-4, 6.1.2 and 6.2.2), written once for vectors of any
//! width: each word of the standard's text is a vector here, with one message in each lane.
//!
//! They are macros, because a function that is generic over vectors could not be compiled for a
//! processor's features. Whoever uses one has `add`, `xor`, `xor3`, `choose`, `majority`, `left`,
//! `right`, `shift` and `splat` in scope. All rounds are written out: the sixteen words of the
//! schedule and the state stay in registers only where every index is known to the compiler.

/// The constants of SHA-256.
pub(crate) const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// Takes the block `$w` (sixteen vectors) into the SHA-1 state `$s` (five).
macro_rules! sha1_block {
    ($s:ident, $w:ident) => {{
        let [mut a, mut b, mut c, mut d, mut e] = $s;
        sha1_rounds!($w, choose, 0x5a827999, a b c d e, 0, 5, 10, 15);
        sha1_rounds!($w, xor3, 0x6ed9eba1, a b c d e, 20, 25, 30, 35);
        sha1_rounds!($w, majority, 0x8f1bbcdc, a b c d e, 40, 45, 50, 55);
        sha1_rounds!($w, xor3, 0xca62c1d6, a b c d e, 60, 65, 70, 75);
        $s = [add($s[0], a), add($s[1], b), add($s[2], c), add($s[3], d), add($s[4], e)];
    }};
}

/// Five rounds from each `$t` on. Instead of moving the words on, each round calls them otherwise.
macro_rules! sha1_rounds {
    ($w:ident, $f:ident, $k:expr, $a:ident $b:ident $c:ident $d:ident $e:ident, $($t:expr),+) => {
        let k = splat($k);
        $(
            sha1_round!($w, $f, k, $a $b $c $d $e, $t);
            sha1_round!($w, $f, k, $e $a $b $c $d, $t + 1);
            sha1_round!($w, $f, k, $d $e $a $b $c, $t + 2);
            sha1_round!($w, $f, k, $c $d $e $a $b, $t + 3);
            sha1_round!($w, $f, k, $b $c $d $e $a, $t + 4);
        )+
    };
}

macro_rules! sha1_round {
    ($w:ident, $f:ident, $k:ident, $a:ident $b:ident $c:ident $d:ident $e:ident, $t:expr) => {
        let t: usize = $t;
        if t >= 16 {
            let old = xor3($w[(t + 13) & 15], $w[(t + 8) & 15], $w[(t + 2) & 15]);
            $w[t & 15] = left::<1, 31>(xor(old, $w[t & 15]));
        }
        let more = add(add($f($b, $c, $d), $k), $w[t & 15]);
        $e = add(add($e, more), left::<5, 27>($a));
        $b = left::<30, 2>($b);
    };
}

/// Takes the block `$w` (sixteen vectors) into the SHA-256 state `$s` (eight).
macro_rules! sha256_block {
    ($s:ident, $w:ident) => {{
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = $s;
        sha256_rounds!($w, a b c d e f g h, 0, 8, 16, 24, 32, 40, 48, 56);
        $s = [
            add($s[0], a), add($s[1], b), add($s[2], c), add($s[3], d),
            add($s[4], e), add($s[5], f), add($s[6], g), add($s[7], h),
        ];
    }};
}

/// Eight rounds from each `$t` on.
macro_rules! sha256_rounds {
    ($w:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident,
     $($t:expr),+) => {
        $(
            sha256_round!($w, $a $b $c $d $e $f $g $h, $t);
            sha256_round!($w, $h $a $b $c $d $e $f $g, $t + 1);
            sha256_round!($w, $g $h $a $b $c $d $e $f, $t + 2);
            sha256_round!($w, $f $g $h $a $b $c $d $e, $t + 3);
            sha256_round!($w, $e $f $g $h $a $b $c $d, $t + 4);
            sha256_round!($w, $d $e $f $g $h $a $b $c, $t + 5);
            sha256_round!($w, $c $d $e $f $g $h $a $b, $t + 6);
            sha256_round!($w, $b $c $d $e $f $g $h $a, $t + 7);
        )+
    };
}

macro_rules! sha256_round {
    ($w:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident,
     $t:expr) => {
        let t: usize = $t;
        if t >= 16 {
            let (near, far) = ($w[(t + 1) & 15], $w[(t + 14) & 15]);
            let small = xor3(right::<7, 25>(near), right::<18, 14>(near), shift::<3>(near));
            let large = xor3(right::<17, 15>(far), right::<19, 13>(far), shift::<10>(far));
            let old = add($w[t & 15], $w[(t + 9) & 15]);
            $w[t & 15] = add(old, add(small, large));
        }
        let large = xor3(right::<6, 26>($e), right::<11, 21>($e), right::<25, 7>($e));
        let first = add(add($h, $w[t & 15]), splat(K[t]));
        let first = add(first, add(large, choose($e, $f, $g)));
        let large = xor3(right::<2, 30>($a), right::<13, 19>($a), right::<22, 10>($a));
        $d = add($d, first);
        $h = add(first, add(large, majority($a, $b, $c)));
    };
}

pub(crate) use {sha1_block, sha1_round, sha1_rounds, sha256_block, sha256_round, sha256_rounds};
