//! Tests: that every field of the RUT241 manual (Mobile Utilities, firmware 7.07.1) has a test that proves it. The table
//! names them; each must be there.
#![allow(clippy::unwrap_used)]

use std::path::Path;

/// A field of the manual, the option or call that it is here, and the tests that prove it, as `FILE NAME`.
struct Field(&'static str, &'static str, &'static [&'static str]);

/// Short names of files below `tests` and `src`.
const FILES: &[(&str, &str)] = &[
    ("post_get", "tests/post_get.rs"),
    ("router", "tests/post_get/router.rs"),
    ("push", "tests/push.rs"),
    ("https", "tests/push/https.rs"),
    ("replies", "tests/replies.rs"),
    ("storage", "tests/storage.rs"),
    ("webserver", "tests/webserver.rs"),
    ("simple", "tests/router.rs"),
    ("to_sms", "src/forward/to_sms.rs"),
    ("kind", "src/config/kind.rs"),
    ("config", "src/config/tests.rs"),
    ("auth", "src/api/auth.rs"),
    ("mail_out", "tests/mail_out.rs"),
    ("mail_in", "tests/mail_in.rs"),
    ("rules", "tests/rules.rs"),
    ("reboot", "tests/rules/reboot.rs"),
    ("table", "tests/rules/table.rs"),
    ("matching", "src/rules/matching.rs"),
    ("smpp", "tests/smpp.rs"),
    ("calls", "tests/calls.rs"),
    ("kinds", "src/forward/kinds.rs"),
    ("to_smtp", "src/forward/to_smtp.rs"),
    ("subject", "src/mail/subject.rs"),
    ("fetch_plan", "src/mail/fetch_plan.rs"),
    ("build", "src/config/build.rs"),
    ("mail_config", "src/config/mail.rs"),
];

#[rustfmt::skip]
const FIELDS: &[Field] = &[
    Field("2 every action", "sms_rule action", &["table the_table_of_the_manual_has_every_action_and_each_has_its_row", "table the_table_of_the_manual_is_tried_out_and_done_row_by_row"]),
    Field("2.2 Enable", "sms_rule enabled", &["rules who_may_is_decided_by_number_and_keyword_and_the_first_rule_that_fits_wins"]),
    Field("2.2 SMS text", "sms_rule smstext", &["rules who_may_is_decided_by_number_and_keyword_and_the_first_rule_that_fits_wins", "matching a_text_is_known_as_a_phone_keyboard_writes_it"]),
    Field("2.2 Get status via SMS after reboot", "sms_rule status_sms", &["reboot a_reboot_is_done_once_and_its_status_sent_once_with_the_power_cut_at_ten_places"]),
    Field("2.2 Message forwarding", "sms_rule to_other_phone, to_number", &["rules who_may_is_decided_by_number_and_keyword_and_the_first_rule_that_fits_wins"]),
    Field("2.2 Message text", "sms_rule message", &["rules who_may_is_decided_by_number_and_keyword_and_the_first_rule_that_fits_wins"]),
    Field("2.2 Authorization method", "sms_rule authorization, password", &["rules who_may_is_decided_by_number_and_keyword_and_the_first_rule_that_fits_wins", "matching what_stands_before_the_text_decides"]),
    Field("2.2 Allowed number(s)", "sms_rule allowed_phone, tel, group", &["rules who_may_is_decided_by_number_and_keyword_and_the_first_rule_that_fits_wins"]),
    Field("3.1 Enable", "post_get enabled", &["post_get a_disabled_interface_has_no_listener_and_a_changed_one_follows"]),
    Field("3.1 Access", "post_get allow", &["post_get strangers_are_told_so_slowed_down_and_shut_out_and_nobody_logs_what_they_tried"]),
    Field("3.1 User name", "post_get username", &["post_get strangers_are_told_so_slowed_down_and_shut_out_and_nobody_logs_what_they_tried", "config post_get_wants_an_address_a_name_and_a_password_and_gets_them"]),
    Field("3.1 Password", "post_get password", &["post_get strangers_are_told_so_slowed_down_and_shut_out_and_nobody_logs_what_they_tried", "kind plain_values_are_told_from_wrong_ones"]),
    Field("3.1 View mobile messages list", "sms_list", &["post_get messages_are_listed_read_counted_and_deleted_to_the_letter", "router dates_are_in_the_routers_own_time"]),
    Field("3.1 Read mobile message", "sms_read", &["post_get messages_are_listed_read_counted_and_deleted_to_the_letter"]),
    Field("3.1 Send mobile message to a single number", "sms_send number", &["post_get bsd_ftp_sends_blanks_and_an_emoji_raw_and_one_ucs2_message_goes_out", "post_get numbers_groups_and_long_texts_are_sent_and_what_is_too_long_is_refused_clearly"]),
    Field("3.1 Send mobile message to a group", "sms_send group", &["post_get numbers_groups_and_long_texts_are_sent_and_what_is_too_long_is_refused_clearly", "post_get what_cannot_be_sent_is_told_in_rutos_words"]),
    Field("3.1 View mobile messages total", "sms_total", &["post_get messages_are_listed_read_counted_and_deleted_to_the_letter"]),
    Field("3.1 Delete mobile message", "sms_delete", &["post_get messages_are_listed_read_counted_and_deleted_to_the_letter"]),
    Field("3.1 number: 00 and country code", "number", &["post_get numbers_groups_and_long_texts_are_sent_and_what_is_too_long_is_refused_clearly", "post_get what_cannot_be_sent_is_told_in_rutos_words"]),
    Field("3.1 text", "text", &["post_get numbers_groups_and_long_texts_are_sent_and_what_is_too_long_is_refused_clearly"]),
    Field("3.1 the router's own address, port 80", "/cgi-bin/sms_send", &["webserver the_readmes_script_lets_another_web_server_pass_old_calls_on"]),
    Field("3.1 mobile_data", "mobile_data", &["router mobile_data_goes_off_and_on_through_the_routers_own_programs", "router a_program_that_hangs_holds_up_nobody_else", "router without_the_routers_programs_each_call_says_so"]),
    Field("3.1 mobile_sim_pin", "mobile_sim_pin", &["router a_pin_goes_into_the_routers_configuration_and_to_the_sim_that_waits_for_it", "router a_wrong_pin_is_entered_once_and_a_missing_sim_is_told"]),
    Field("3.2 Enable", "reply enabled", &["replies a_person_is_answered_once_in_the_interval_over_a_restart_and_a_service_never"]),
    Field("3.2 Reply SMS-Utilities rules", "reply every_sms", &["rules what_a_rule_takes_is_forwarded_to_nobody_but_who_wants_every_sms", "kinds what_a_rule_took_is_for_those_with_every_sms_alone"]),
    Field("3.2 Don't save received messages", "reply delete_sms", &["replies each_section_serves_whom_its_mode_names_and_one_that_is_off_nobody"]),
    Field("3.2 Mode", "reply mode, tel, group", &["replies each_section_serves_whom_its_mode_names_and_one_that_is_off_nobody", "replies a_person_is_answered_once_in_the_interval_over_a_restart_and_a_service_never"]),
    Field("3.2 Message text", "reply msg", &["replies a_person_is_answered_once_in_the_interval_over_a_restart_and_a_service_never", "replies the_readme_names_every_parameter"]),
    Field("3.3.1 Enable", "to_http enabled", &["replies each_section_serves_whom_its_mode_names_and_one_that_is_off_nobody", "push get_and_post_are_rutos_to_the_byte"]),
    Field("3.3.1 Forward SMS-Utilities rules", "to_http every_sms", &["rules what_a_rule_takes_is_forwarded_to_nobody_but_who_wants_every_sms", "kinds what_a_rule_took_is_for_those_with_every_sms_alone"]),
    Field("3.3.1 Don't save received message", "to_http delete_sms", &["push who_chooses_the_messages_and_delete_sms_takes_them_away"]),
    Field("3.3.1 Include sender's number", "to_http sender_num", &["push get_and_post_are_rutos_to_the_byte", "webserver a_sender_with_line_ends_in_his_name_puts_no_header_into_a_push"]),
    Field("3.3.1 Mode", "to_http mode, tel, group", &["push who_chooses_the_messages_and_delete_sms_takes_them_away"]),
    Field("3.3.1 Encode message text to Base64", "to_http message_encode_b64", &["push get_and_post_are_rutos_to_the_byte"]),
    Field("3.3.1 HTTPS certificate verification", "to_http verify_cert", &["https https_is_judged_by_the_ca_file_and_last_error_says_what_is_wrong"]),
    Field("3.3.1 Method", "to_http method", &["push get_and_post_are_rutos_to_the_byte", "webserver pushes_of_every_method_arrive_at_lighttpd"]),
    Field("3.3.1 URL", "to_http url", &["push get_and_post_are_rutos_to_the_byte", "webserver fifty_messages_wait_for_a_web_server_that_is_down_over_two_kills_and_come_once_and_in_order"]),
    Field("3.3.1 Number value name", "to_http number_name", &["push get_and_post_are_rutos_to_the_byte"]),
    Field("3.3.1 Message value name", "to_http message_name", &["push get_and_post_are_rutos_to_the_byte"]),
    Field("3.3.1 Extra data pair 1", "to_http extra_name1, extra_value1", &["push get_and_post_are_rutos_to_the_byte"]),
    Field("3.3.1 Extra data pair 2", "to_http extra_name2, extra_value2", &["push get_and_post_are_rutos_to_the_byte"]),
    Field("3.3.2 Enable", "to_sms enabled", &["replies each_section_serves_whom_its_mode_names_and_one_that_is_off_nobody"]),
    Field("3.3.2 Forward SMS-Utilities rules", "to_sms every_sms", &["rules what_a_rule_takes_is_forwarded_to_nobody_but_who_wants_every_sms", "kinds what_a_rule_took_is_for_those_with_every_sms_alone"]),
    Field("3.3.2 Don't save received message", "to_sms delete_sms", &["replies messages_go_on_to_every_phone_but_the_sender_with_the_senders_number_below"]),
    Field("3.3.2 Add sender's number", "to_sms sender_num", &["replies messages_go_on_to_every_phone_but_the_sender_with_the_senders_number_below", "to_sms the_senders_number_stands_below_as_long_as_the_whole_has_480_characters"]),
    Field("3.3.2 Mode", "to_sms mode, tel, group", &["replies each_section_serves_whom_its_mode_names_and_one_that_is_off_nobody"]),
    Field("3.3.2 Recipients phone numbers", "to_sms fwd_number", &["replies messages_go_on_to_every_phone_but_the_sender_with_the_senders_number_below", "replies fifty_messages_wait_while_the_network_takes_none_and_two_kills_and_go_once_and_in_order", "replies a_message_that_comes_back_from_its_recipient_goes_round_no_more"]),
    Field("3.3.3 Enable", "to_smtp enabled", &["mail_out only_the_groups_messages_go_on_and_a_target_that_is_off_can_be_tried"]),
    Field("3.3.3 Forward SMS-Utilities rules", "to_smtp every_sms", &["rules what_a_rule_takes_is_forwarded_to_nobody_but_who_wants_every_sms", "kinds what_a_rule_took_is_for_those_with_every_sms_alone"]),
    Field("3.3.3 Don't save received message", "to_smtp delete_sms", &["mail_out who_has_a_mail_gets_it_no_second_time_while_others_are_put_off_or_refused"]),
    Field("3.3.3 Include sender's number", "to_smtp sender_num", &["mail_out opensmtpd_gets_mime_and_its_550_is_no_success"]),
    Field("3.3.3 Mode", "to_smtp mode, tel, group", &["mail_out only_the_groups_messages_go_on_and_a_target_that_is_off_can_be_tried"]),
    Field("3.3.3 Subject", "to_smtp subject", &["mail_out opensmtpd_gets_mime_and_its_550_is_no_success", "to_smtp subject_and_sender_are_filled_in_and_an_unset_clock_dates_no_mail"]),
    Field("3.3.3 Sender's email account", "to_smtp email_name", &["mail_out aiosmtpd_gets_it_over_starttls_and_tls_and_every_bad_certificate_is_told", "mail_config mail_needs_an_account_that_is_whole_and_somebody_to_write_to"]),
    Field("3.3.3 Recipient's email address", "to_smtp recipemail", &["mail_out who_has_a_mail_gets_it_no_second_time_while_others_are_put_off_or_refused", "mail_out fifty_mails_arrive_in_order_and_once_after_the_server_was_down_all_the_time"]),
    Field("3.4 Enable", "pop3 enabled", &["mail_in dovecots_mails_become_messages_and_go_and_the_others_stay"]),
    Field("3.4 POP3 server", "pop3 host", &["mail_in dovecots_mails_become_messages_and_go_and_the_others_stay", "build mail_to_sms_without_an_account_is_an_error_and_an_odd_port_a_remark"]),
    Field("3.4 Server port", "pop3 port", &["mail_in dovecots_mails_become_messages_and_go_and_the_others_stay", "build mail_to_sms_without_an_account_is_an_error_and_an_odd_port_a_remark"]),
    Field("3.4 User name", "pop3 username", &["mail_in the_line_is_secured_as_asked_and_nobody_is_believed_without_proof"]),
    Field("3.4 Password", "pop3 password", &["mail_in the_line_is_secured_as_asked_and_nobody_is_believed_without_proof"]),
    Field("3.4 Secure connection (TLS)", "pop3 ssl", &["mail_in the_line_is_secured_as_asked_and_nobody_is_believed_without_proof"]),
    Field("3.4 Verify TLS certificate validity", "pop3 ssl_verify", &["mail_in the_line_is_secured_as_asked_and_nobody_is_believed_without_proof"]),
    Field("3.4 SMS PDU limit", "pop3 limit", &["mail_in dovecots_mails_become_messages_and_go_and_the_others_stay", "fetch_plan a_text_that_is_too_long_fills_its_parts_and_says_that_it_goes_on"]),
    Field("3.4 Check email every", "pop3 interval", &["build mail_to_sms_gets_its_account_and_its_interval"]),
    Field("3.4 Interval", "pop3 interval_unit", &["build mail_to_sms_gets_its_account_and_its_interval"]),
    Field("3.4 the number in the subject", "00CC and +CC", &["mail_in dovecots_mails_become_messages_and_go_and_the_others_stay", "subject a_subject_of_numbers_names_its_recipients", "subject what_is_almost_a_number_names_nobody"]),
    Field("3.5 Enable", "smpp enabled", &["smpp a_message_goes_out_and_its_receipt_comes_back", "smpp without_a_password_the_configuration_is_refused_and_says_why"]),
    Field("3.5 User name", "smpp username", &["smpp only_the_right_name_and_password_get_in_and_ten_wrong_ones_shut_out"]),
    Field("3.5 Password", "smpp password", &["smpp only_the_right_name_and_password_get_in_and_ten_wrong_ones_shut_out"]),
    Field("3.5 Server port", "smpp port", &["smpp a_reload_moves_the_door_and_a_stop_says_unbind"]),
    Field("4.1 Call rules", "call_rule action, allowed_phone, …", &["calls a_rejected_call_sets_off_each_rule_of_its_caller_once", "calls each_action_is_done_to_every_caller_and_only_the_allowed_one_sets_rules_off"]),
    Field("4.2 Incoming calls", "call action", &["calls each_action_is_done_to_every_caller_and_only_the_allowed_one_sets_rules_off", "calls an_ignored_call_rings_on_and_sets_off_each_rule_once_though_it_rings_again"]),
    Field("5.1 Read", "GET /messages/ID", &["storage messages_are_searched_paged_marked_and_deleted"]),
    Field("5.1 Delete", "DELETE /messages/ID", &["storage messages_are_searched_paged_marked_and_deleted", "storage a_long_message_leaves_the_sim_with_all_its_slots"]),
    Field("5.1 SMS per page", "limit, after", &["storage messages_are_searched_paged_marked_and_deleted"]),
    Field("5.1 Search", "q, from", &["storage messages_are_searched_paged_marked_and_deleted"]),
    Field("5.2 Recipient's phone number, message, Send", "POST /messages", &["simple a_message_is_sent_and_its_delivery_is_reported"]),
    Field("5.3 Save messages to storage", "modem msg_storage, PUT /storage", &["storage the_location_and_the_free_slots_are_chosen_over_the_api_and_stay_chosen"]),
    Field("5.3 Memory", "GET /storage", &["storage the_location_and_the_free_slots_are_chosen_over_the_api_and_stay_chosen", "storage an_alarm_comes_before_the_sim_is_full_once_until_there_is_room_again"]),
    Field("5.3 Leave free space", "modem free", &["storage the_location_and_the_free_slots_are_chosen_over_the_api_and_stay_chosen", "storage slots_of_parts_whose_siblings_never_came_are_swept", "storage slots_of_delivery_reports_are_swept"]),
];

/// The test's name is there, below an attribute that makes it a test.
fn is_there(proof: &str) -> Result<(), String> {
    let (file, name) = proof.split_once(' ').ok_or("a proof is FILE NAME")?;
    let known = FILES.iter().find(|(short, _)| *short == file);
    let (_, path) = known.ok_or_else(|| format!("no file is called {file}"))?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text =
        std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let head = [format!("fn {name}()"), format!("async fn {name}()")];
    let is_test = |pair: &[&str]| match pair {
        [mark, line] => {
            ["#[test]", "#[tokio::test]"].contains(mark)
                && head.iter().any(|head| line.starts_with(head))
        }
        _ => false,
    };
    match lines.windows(2).any(is_test) {
        true => Ok(()),
        false => Err(format!("{} has no test {name}", path.display())),
    }
}

#[test]
fn every_field_of_the_manual_names_tests_that_are_there() {
    let mut faults = Vec::new();
    for Field(field, option, proofs) in FIELDS {
        if proofs.is_empty() {
            faults.push(format!("{field} ({option}): no test"));
        }
        let missing = proofs.iter().filter_map(|proof| is_there(proof).err());
        faults.extend(missing.map(|why| format!("{field}: {why}")));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_proof_that_is_not_there_is_missed() {
    assert!(is_there("push get_and_post_are_rutos_to_the_byte").is_ok());
    for none in ["push bench", "push no_such_test", "nowhere x", "push"] {
        assert!(is_there(none).is_err(), "{none}");
    }
}
