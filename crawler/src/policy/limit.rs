//! How many requests the allowed open files leave room for, because a refused socket is no answer.

/// Descriptors that are not connections.
const KEPT: u64 = 64;

/// Returns how many of `wanted` requests can run when `open_files` are allowed and each takes `per_request` of them.
pub(crate) fn concurrency(wanted: usize, open_files: u64, per_request: u64) -> usize {
    let room = open_files.saturating_sub(KEPT) / per_request.max(1);
    wanted
        .min(usize::try_from(room).unwrap_or(usize::MAX))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_open_files_change_nothing() {
        assert_eq!(concurrency(5000, 20_000, 2), 5000);
    }

    #[test]
    fn too_few_open_files_leave_the_rest_of_the_process_its_own() {
        assert_eq!(concurrency(5000, 1024, 1), 960);
        assert_eq!(concurrency(5000, 1024, 2), 480);
    }

    #[test]
    fn one_request_is_always_tried() {
        assert_eq!(concurrency(5, 10, 1), 1);
    }
}
