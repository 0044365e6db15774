//! [`ByUrgency`], a value for each urgency.

use std::ops::{Index, IndexMut};

use super::Urgency;

#[derive(Default)]
pub(super) struct ByUrgency<T> {
    interactive: T,
    batch: T,
}

impl<T> ByUrgency<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.interactive, &self.batch].into_iter()
    }
}

impl<T> Index<Urgency> for ByUrgency<T> {
    type Output = T;

    fn index(&self, urgency: Urgency) -> &T {
        match urgency {
            Urgency::Interactive => &self.interactive,
            Urgency::Batch => &self.batch,
        }
    }
}

impl<T> IndexMut<Urgency> for ByUrgency<T> {
    fn index_mut(&mut self, urgency: Urgency) -> &mut T {
        match urgency {
            Urgency::Interactive => &mut self.interactive,
            Urgency::Batch => &mut self.batch,
        }
    }
}
