//! What the store promises, held to on both engines: every test runs as `sqlite_engine::…` and `postgres_engine::…`.
//!
//! `PostgreSQL` comes from `PATCHBAY_TEST_POSTGRES_URL`, the address of a server on which databases may be made. Without
//! it that half is skipped, unless `PATCHBAY_REQUIRE_POSTGRES=1`.

mod ages;
mod apply;
mod concurrency;
mod filing;
mod harness;
mod inbox;
mod listing;
mod operations;
mod records;
mod replay;
mod retention;
mod rules;
mod work;
mod workers;

/// Stamps every test on both engines.
macro_rules! contract {
    ($($file:ident: $($name:ident),+;)+) => {
        mod sqlite_engine {
            $($(#[tokio::test]
            async fn $name() {
                crate::harness::on_sqlite(crate::$file::$name).await;
            })+)+
        }

        mod postgres_engine {
            $($(#[tokio::test]
            async fn $name() {
                crate::harness::on_postgres(crate::$file::$name).await;
            })+)+
        }
    };
}

contract! {
    workers:
        a_worker_is_alive_while_it_says_so,
        what_waits_and_what_was_given_up_is_counted;
    inbox:
        a_delivery_is_stored_once,
        duplicates_within_a_batch_are_found,
        a_large_batch_is_stored_whole,
        an_event_shows_what_was_delivered,
        payloads_of_one_type_read_back_byte_by_byte,
        an_event_is_found_by_the_providers_id,
        chosen_events_are_read_newest_first,
        event_types_are_remembered_per_connection,
        minutes_count_what_came_and_what_became_of_it,
        an_empty_batch_is_fine;
    filing:
        a_journals_frames_become_events_once_and_in_order,
        a_filing_takes_whole_frames_up_to_its_limit_and_one_in_any_case,
        a_flood_of_one_connection_does_not_hold_up_another,
        a_filing_that_is_given_up_leaves_its_frames,
        a_delivery_filed_again_is_a_duplicate,
        another_journal_at_the_same_place_is_filed_from_its_start,
        an_event_with_its_effects_is_stored_in_one_transaction,
        an_event_waits_for_an_earlier_one_of_its_object,
        frames_in_the_database_come_before_the_journals,
        only_what_cannot_be_filed_is_set_aside_and_its_neighbors_keep_their_order,
        a_frame_that_is_taken_apart_twice_is_set_aside_once,
        it_is_known_since_when_deliveries_wait,
        a_batch_of_changes_decides_as_single_ones_do,
        a_deletion_in_a_batch_keeps_what_the_batch_wrote_before;
    ages:
        an_older_inbox_beside_a_newer_database_loses_nothing,
        copies_of_one_inbox_are_filed_into_one_database,
        two_processes_on_one_inbox_lose_nothing_and_keep_the_order,
        a_machine_set_back_while_it_runs_begins_another_epoch,
        an_older_database_gets_again_what_the_inbox_still_has,
        what_an_older_database_does_not_get_again_is_told_once,
        what_is_filed_leaves_the_inbox_when_it_is_old_or_too_much,
        epochs_that_are_over_are_not_remembered_for_ever,
        a_schema_is_looked_at_without_changing_it;
    retention:
        the_oldest_events_are_dropped_with_all_that_belongs_to_them,
        history_and_calls_are_dropped_by_their_time;
    work:
        events_are_claimed_in_the_order_received,
        a_claimed_event_holds_back_the_later_ones_of_its_object,
        an_event_in_backoff_holds_back_the_later_ones_of_its_object,
        events_without_an_object_hold_nothing_back,
        an_expired_lease_is_claimed_again,
        effects_happen_once,
        an_extended_lease_lasts_longer,
        a_clock_that_was_ahead_holds_nothing_back,
        released_events_are_free_at_once,
        a_worker_takes_events_of_its_lane_only,
        an_event_is_given_back_by_its_holder_only,
        the_next_due_event_is_the_next_that_can_be_worked_on,
        attempts_are_listed;
    apply:
        a_change_creates_then_updates,
        older_news_is_kept_as_ignored,
        the_same_again_changes_nothing,
        a_newer_version_of_the_same_moves_only_the_version,
        other_content_in_one_version_is_a_tie,
        a_reading_settles_a_tie_only_if_nothing_moved,
        readings_with_other_versions_follow_the_rule,
        deletion_wins_within_a_version_and_is_final,
        a_deletion_of_an_unknown_object_is_remembered,
        a_rollback_leaves_nothing,
        status_counts_follow_the_changes,
        history_tells_what_a_source_changed,
        a_body_reads_back_as_its_type;
    rules:
        news_in_any_order_ends_in_the_same_record_by_the_rules_of_its_kind,
        an_id_that_may_be_used_again_comes_back_as_a_new_record,
        parts_of_an_object_add_up_and_never_take_anything_back,
        a_stored_part_that_cannot_be_read_any_more_is_replaced_by_what_can;
    records:
        lists_filter_by_every_column,
        records_are_scoped_by_organisation_and_owner,
        deleted_records_are_left_out_unless_asked_for,
        text_is_found_in_title_subtitle_and_id,
        signs_of_a_pattern_stand_for_themselves,
        many_records_are_read_at_once,
        anything_is_found_by_id_or_by_how_it_begins,
        records_of_two_connections_with_one_id_are_two,
        starts_and_ends_are_counted_per_bucket;
    listing:
        events_page_forwards_and_back_over_equal_times,
        records_page_forwards_and_back_over_equal_times,
        a_page_stands_still_while_events_arrive,
        a_strange_cursor_is_refused,
        events_filter_by_every_column,
        a_type_with_a_star_is_a_prefix,
        a_prefix_pages_over_several_types,
        text_is_found_in_payloads;
    replay:
        a_preview_says_what_a_replay_would_touch,
        chosen_events_go_back_in_line,
        a_filter_replays_its_newest_events;
    operations:
        a_notice_reaches_whoever_listens,
        rejections_are_counted_and_kept_short,
        one_network_does_not_push_out_the_rejections_of_others,
        calls_are_listed_and_filtered,
        the_audit_log_keeps_before_and_after,
        a_form_is_done_for_its_person_action_and_target_once_that_succeeded,
        an_action_without_an_answer_is_open_until_it_is_settled_and_what_is_done_stays_done,
        a_second_try_that_succeeds_counts_more_than_a_first_that_was_given_up,
        only_an_unused_database_becomes_the_sandboxs_and_stays_it,
        a_used_database_never_becomes_the_sandboxs,
        the_first_key_of_a_name_stays,
        an_audit_entry_stands_or_falls_with_its_change,
        one_sync_runs_per_connection,
        a_sync_goes_on_where_it_was,
        an_abandoned_sync_finds_another_owner,
        a_cancelled_sync_stays_so,
        an_incomplete_sync_runs_again_at_its_time_for_what_is_missing,
        an_incomplete_sync_can_be_tried_again_at_once,
        a_new_sync_takes_the_place_of_an_incomplete_one,
        states_are_kept_per_connection,
        the_store_tells_about_itself;
    concurrency:
        two_deliveries_of_one_event_store_it_once,
        two_claimers_never_split_an_object,
        two_creations_of_one_record_both_come_out_right,
        counters_lose_nothing;
}
