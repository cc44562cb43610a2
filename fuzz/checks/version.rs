//! What must hold for the order of any three versions.

use seedship::release::debian_order;

/// Three lines: the order is total. Tells whether the first is the newest.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(3, '\n');
    let [a, b, c] = [(); 3].map(|()| lines.next().unwrap_or_default());
    for one in [a, b, c] {
        assert!(debian_order(one, one).is_eq(), "{one:?} is itself");
    }
    for (one, other) in [(a, b), (b, c), (a, c)] {
        assert_eq!(debian_order(one, other), debian_order(other, one).reverse());
    }
    let (ab, bc, ac) = (debian_order(a, b), debian_order(b, c), debian_order(a, c));
    if ab == bc || ab.is_eq() || bc.is_eq() {
        assert_eq!(ac, ab.then(bc), "{a:?} {b:?} {c:?}");
    }
    ab.is_gt() && ac.is_gt()
}
