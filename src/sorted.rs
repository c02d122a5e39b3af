//! Words: a map in a vector, in order of the keys. Never for many thousands of entries: an insertion moves the keys behind
//! it. (std's BTreeMap is compiled anew for each pair of types, 2 KB of the package each time.)

/// A map; iterates in order of its keys.
#[derive(Debug)]
pub struct Sorted<K, V>(Vec<(K, Box<V>)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Sorted<K, V> {
        Sorted(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(here, _)| here.cmp(key))
    }

    /// The value of this key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.place(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| &mut **value)
    }

    /// Puts a value in, in place of the one that was there.
    pub fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(at) => {
                if let Some(here) = self.0.get_mut(at) {
                    *here.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (key, Box::new(value))),
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.place(key).ok()?;
        Some(*self.0.remove(at).1)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, &**value))
    }

    /// Their values, in order of the keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| &**value)
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| &mut **value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_in_order_and_a_key_has_one_value() {
        let mut map = Sorted::default();
        for (key, value) in [(3, 'c'), (1, 'x'), (2, 'b'), (1, 'a')] {
            map.insert(key, value);
        }
        assert_eq!(map.values().collect::<String>(), "abc");
        assert_eq!((map.remove(&2), map.remove(&2)), (Some('b'), None));
        *map.get_mut(&3).unwrap() = 'd';
        assert_eq!((map.get(&3), map.get(&2)), (Some(&'d'), None));
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&1, &'a'), (&3, &'d')]);
    }
}
