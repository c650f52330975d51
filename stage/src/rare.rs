//! What most stages never have, so that those that have it make it when they need it.

/// A value that is as good as its default until it is made.
#[derive(Debug)]
pub(crate) struct Rare<T>(Option<Box<T>>);

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Rare<T> {
    /// Whether it was made.
    #[inline]
    pub(crate) const fn is_made(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the value, where it was made.
    pub(crate) const fn take(&mut self) -> Option<Box<T>> {
        self.0.take()
    }
}

impl<T: Default> Rare<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(Box::new(value)))
    }

    /// Makes it where the value is not its default.
    pub(crate) fn unless_default(value: T) -> Self
    where
        T: PartialEq,
    {
        if value == T::default() {
            Self::default()
        } else {
            Self::new(value)
        }
    }

    /// The value, where it was made.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// The value, where it was made.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// The value, made where it was not.
    #[inline]
    pub(crate) fn make(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}
