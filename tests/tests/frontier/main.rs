//! The frontier's contract: each rule a named test, then its laws over random programs. All of it is generic over the
//! engine, so that each engine answers to the same suite; what only one engine promises stands in a file of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test, with its line"
)]

mod world;

mod queueing;

mod leases;

mod politeness;

mod ending;

mod recovery;

mod lane;

mod model;

mod laws;

mod sqlite;

mod suspects;

mod postgres;

/// Makes tests for one engine.
macro_rules! tests {
    ($engine:ty; $($file:ident: $($test:ident),+;)+) => {
        $(mod $file {
            $(#[tokio::test]
            async fn $test() {
                crate::$file::$test::<$engine>().await;
            })+
        })+
    };
}

/// Makes the tests of the suite, for one engine.
macro_rules! suite {
    ($engine:ty) => {
        tests! {
            $engine;
            queueing:
                each_url_is_handed_out_once,
                the_older_goes_first_and_before_it_the_more_urgent,
                a_polite_site_gives_one_url_at_a_time,
                demand_is_never_exceeded,
                an_unlimited_site_gives_all_that_is_asked_for_at_once,
                links_come_with_their_page,
                a_link_with_a_record_is_done_with_its_page,
                a_record_of_a_link_that_is_known_gives_all_back,
                a_url_is_handed_out_as_it_was_put_in,
                a_site_keeps_the_lanes_it_began_with;
            leases:
                a_lease_that_runs_out_is_handed_out_again,
                a_renewed_lease_is_kept_and_a_lost_one_is_told,
                a_late_answer_to_a_url_that_is_done_is_ignored,
                a_late_answer_to_a_url_that_is_leased_anew_counts_and_frees_nothing,
                a_lane_whose_last_url_has_a_late_answer_is_never_due,
                a_record_that_comes_too_late_is_given_back_with_all_that_came_with_it,
                a_late_retry_is_ignored,
                released_urls_are_handed_out_at_once_as_if_never_leased,
                a_lane_that_is_given_back_with_nothing_queued_is_never_due,
                a_lane_is_free_when_all_its_urls_are_back,
                a_url_that_is_lost_alone_three_times_more_than_its_lane_is_poison,
                a_lane_that_is_lost_three_times_gives_one_url_at_a_time,
                a_claim_that_nobody_waits_for_gives_its_urls_back;
            politeness:
                a_site_rests_from_the_end_of_a_fetch,
                a_site_rests_as_long_as_it_asks_in_all_its_lanes,
                a_retry_waits_and_holds_no_lane,
                a_url_is_fetched_again_behind_what_is_queued,
                a_site_that_was_not_asked_needs_no_rest,
                a_site_whose_lease_runs_out_has_rested_from_its_holders_last_request,
                a_site_whose_lease_runs_out_rests_as_it_did_last,
                how_welcome_the_crawl_is_is_told_with_each_lease,
                a_site_that_is_set_aside_gives_all_its_urls_at_once,
                a_site_that_was_set_aside_has_another_chance_when_it_is_polite,
                a_clock_that_goes_back_is_not_followed;
            ending:
                a_crawl_is_done_when_nothing_is_left,
                a_crawl_is_not_done_before_its_seeds_are_in,
                a_crawl_is_not_done_while_a_retry_waits,
                a_new_url_makes_a_done_crawl_run,
                a_waiting_claimer_is_woken_by_an_add,
                a_waiting_claimer_is_woken_by_a_settle,
                a_waiting_claimer_is_woken_by_a_close,
                several_claimers_share_a_crawl_and_all_hear_of_its_end,
                a_budget_of_pages_is_never_exceeded,
                a_budget_of_bytes_is_exceeded_by_what_is_on_lease_alone,
                a_lost_lease_gives_its_part_of_the_budget_back,
                what_is_no_page_costs_no_budget;
            recovery:
                what_was_settled_before_a_crash_stays_settled,
                what_was_leased_before_a_crash_is_due_when_it_is_polite,
                what_was_being_asked_at_a_crash_rests_as_it_did_last,
                what_comes_to_a_site_that_was_being_asked_at_a_crash_waits_too,
                a_site_that_was_given_back_rests_after_a_crash_as_it_did_last,
                a_lane_whose_last_url_had_a_late_answer_is_not_due_after_a_crash,
                what_was_not_asked_before_a_stop_is_due_as_it_was,
                a_clock_that_went_back_over_a_stop_lets_no_site_rest_for_longer,
                a_crawl_goes_on_after_a_clean_stop,
                a_retry_is_remembered_over_a_crash,
                a_crash_counts_as_a_loss_and_three_are_no_urls,
                what_was_never_asked_for_is_never_poison,
                robots_are_kept_until_they_are_replaced,
                written_bytes_are_those_of_the_last_settle,
                a_closed_frontier_says_so;
        }
    };
}

mod sqlite_file {
    suite!(crate::sqlite::File);
}

mod postgres_shared {
    suite!(crate::postgres::Shared);
}
