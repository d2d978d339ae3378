//! The session-level scenarios of FIX acceptance testing, numbered as FIX engineers know them, in every version.
//!
//! What each of them shows, and where this gateway differs from other engines on purpose: `docs/fix/acceptance.md`.

use crate::script::in_all_versions;

const LOGON: &str = "peer 1 A 98=0|108=30\nwe 1 A 98=0|108=30\nopen\n";
const LOGOUT: &str = "closed LoggedOut\nquiet";

/// Plays a story after a Logon.
fn logged_on(story: &str) {
    in_all_versions(&format!("{LOGON}{story}"));
}

#[test]
fn s1a_a_logon_is_answered_and_one_with_a_high_number_starts_recovery() {
    logged_on(&format!("peer 2 5\nwe 2 5\n{LOGOUT}"));
    in_all_versions("peer 5 A 98=0|108=30\nwe 1 A 98=0|108=30\nwe 2 2 7=1|16=0\npeer 6 5\nwe 3 5\nclosed LoggedOut");
    in_all_versions(
        "peer 5 A 98=0|108=30\nwe 1 A 98=0|108=30\nwe 2 2 7=1|16=0\n
         peer 1 4 @43=Y|@122=-1|123=Y|36=4\npeer 4 D @43=Y|@122=-1|11=x\napp 4\npeer 6 1 112=x\nwe 3 0 112=x\nquiet",
    );
}

#[test]
fn s1c_a_logon_of_or_for_somebody_else_is_closed_without_an_answer() {
    in_all_versions("peer 1 A @49=WT|98=0|108=30\nclosed NotLogon\nquiet");
    in_all_versions("peer 1 A @56=ELSE|98=0|108=30\nclosed NotLogon\nquiet");
}

#[test]
fn s1d_a_wrong_logon_is_told_what_is_wrong_and_closed() {
    for (fields, text) in [
        ("@52=-121|98=0|108=30", "SendingTime accuracy problem"),
        ("@52=121|98=0|108=30", "SendingTime accuracy problem"),
        ("@52=|98=0|108=30", "Required tag missing (52)"),
        ("98=0", "Required tag missing (108)"),
        ("108=30", "Required tag missing (98)"),
        ("98=1|108=30", "Value is incorrect (out of range) for this tag (98)"),
        ("98=0|108=0", "Value is incorrect (out of range) for this tag (108)"),
        ("98=0|108=-30", "Value is incorrect (out of range) for this tag (108)"),
        ("98=0|108=121", "Value is incorrect (out of range) for this tag (108)"),
        ("98=0|108=30|141=X", "Value is incorrect (out of range) for this tag (141)"),
        ("98=0|108=30|108=30", "Tag appears more than once (108)"),
    ] {
        in_all_versions(&format!("peer 1 A {fields}\nwe 1 5 58={text}\nclosed Refused\nquiet"));
    }
    in_all_versions("peer 2 A 98=0|108=30|141=Y\nwe 1 5 58=ResetSeqNumFlag needs MsgSeqNum 1\nclosed Refused");
    in_all_versions("raw 8=FIX.4.4|9=40|35=A|34=1|49=FIRM|52=20261128-00:00:00|56=GATE|98=0|108=30|10=000|\nclosed NotLogon\nquiet");
    in_all_versions("raw 8=FIX.3.9|9=5|35=A|10=178|\nclosed NotLogon\nquiet");
}

#[test]
fn s1e_any_other_first_message_is_closed_without_an_answer() {
    for msg_type in ["0", "1 112=x", "2 7=1|16=0", "4 36=1000000", "5", "D 11=x"] {
        in_all_versions(&format!("peer 1 {msg_type}\nclosed NotLogon\nquiet"));
    }
}

#[test]
fn s2a_2b_2c_numbers_in_order_too_high_and_too_low() {
    logged_on(&format!("peer 2 0\npeer 3 0\npeer 4 0\nquiet\npeer 5 5\nwe 2 5\n{LOGOUT}"));
    logged_on(
        "peer 2 0\npeer 6 D\nwe 2 2 7=3|16=0\npeer 7 D\nquiet\npeer 3 D\npeer 4 0\napp 3\nno app\npeer 5 D\napp 5\napp 6\napp 7\nquiet",
    );
    logged_on(
        "peer 2 0\npeer 6 D 11=e\nwe 2 2 7=3|16=0\npeer 3 D\npeer 4 D\npeer 5 D\napp 3\napp 4\napp 5\napp 6\nno app\npeer 7 5\nwe 3 5\nclosed LoggedOut",
    );
    logged_on(
        "peer 2 0\npeer 3 0\npeer 2 0\nwe 2 5 58=MsgSeqNum too low, expecting 4 but received 2\nclosed Protocol(\"MsgSeqNum too low\")",
    );
    logged_on("peer 0 D\nwe 2 5 58=MsgSeqNum too low, expecting 2 but received 0\nclosed Protocol");
    logged_on("peer x D\nwe 2 5 58=MsgSeqNum missing or not a number\nclosed Protocol");
}

#[test]
fn s2d_3b_3c_2m_2t_garbled_messages_are_ignored_and_not_counted() {
    for garbled in [
        "8=FIX.4.4|9=52|35=0|34=2|4garbled9=TW|52=20261128-00:00:00|56=GATE|10=0|",
        "8=FIX.4.4|9=30|35=D|34=2|49=FIRM|52=20261128-00:00:00|56=GATE|11=ID|10=000|",
        "8=FIX.4.4|9=10|35=0|34=2|10=256|",
        "8=FIX.4.4|9=10|35=0|34=2|10=001|",
        "35=0|8=FIX.4.4|9=29|34=2|49=FIRM|56=GATE|10=121|",
        "8=FIX.4.4|9=10|34=2|35=0|10=163|",
    ] {
        logged_on(&format!(
            "raw {garbled}\nquiet\npeer 2 1 112=x\nwe 2 0 112=x\npeer 4 0\nwe 3 2 7=3|16=0\npeer 3 D\napp 3\npeer 5 5\nwe 4 5\n{LOGOUT}"
        ));
    }
}

#[test]
fn s2m_after_a_length_that_is_too_long_the_next_message_is_read() {
    // 200 bytes are claimed, so the message swallows the beginning of the next one; the stream resynchronises inside what it claimed.
    logged_on(
        "raw 8=FIX.4.4|9=130|35=D|34=2|49=FIRM|52=20261128-00:00:00|56=GATE|11=ID|10=000|\nquiet\npeer 3 1 112=x\nwe 2 2 7=2|16=0\n
         peer 2 0\nwe 3 0 112=x\nquiet",
    );
}

#[test]
fn s2e_2f_2g_possible_duplicates() {
    logged_on("peer 2 D\napp 2\npeer 2 D @43=Y|@122=0\nno app\nquiet\npeer 3 0 @43=Y|@122=0\npeer 4 5\nwe 2 5");
    logged_on("peer 2 D @43=Y|@122=0\napp 2\nquiet");
    logged_on(
        "peer 2 D\napp 2\npeer 2 D @43=Y|@122=10\nwe 2 3 45=2|58=SendingTime accuracy problem|372=D|373=10\nwe 3 5\npeer 3 5\nclosed LoggedOut\nno app",
    );
    logged_on(
        "peer 2 D\napp 2\npeer 2 D @43=Y\nwe 2 3 45=2|58=Required tag missing|371=122|372=D|373=1\npeer 3 1 112=x\nwe 3 0 112=x\nno app",
    );
    logged_on("peer 2 D @43=Q\nwe 2 3 45=2|58=Value is incorrect (out of range) for this tag|371=43|372=D|373=5\npeer 3 0\nquiet");
}

#[test]
fn s2i_a_wrong_begin_string_ends_the_session_with_or_without_an_answer() {
    let wrong = "seal FIX.4.1 35=0|34=2|\n";
    logged_on(&format!("{wrong}we 2 5 58=Incorrect BeginString\npeer 3 5\nclosed LoggedOut\nquiet"));
    logged_on(&format!("{wrong}we 2 5 58=Incorrect BeginString\nwait 2\nclosed TimedOutWaiting\nquiet"));
}

#[test]
fn s2k_comp_ids_that_change_end_the_session() {
    for ids in ["@49=WT", "@56=ELSE", "@49=WT|@56=ELSE"] {
        let reject = "we 2 3 45=2|58=CompID problem|372=D|373=9\nwe 3 5\npeer 3 5\nclosed LoggedOut\nno app\nquiet";
        logged_on(&format!("peer 2 D {ids}|11=x\n{reject}"));
    }
}

#[test]
fn s2o_a_sending_time_two_minutes_off_ends_the_session() {
    for off in [-121, 121] {
        logged_on(&format!(
            "peer 2 0 @52={off}\nwe 2 3 45=2|58=SendingTime accuracy problem|372=0|373=10\nwe 3 5\npeer 3 5\nclosed LoggedOut"
        ));
    }
    logged_on("peer 2 0 @52=-119\npeer 3 0 @52=119\nquiet\nopen");
}

#[test]
fn s2q_a_msg_type_that_cannot_be_one_is_rejected() {
    logged_on(&format!("peer 2 *\nwe 2 3 45=2|58=Invalid MsgType|372=*|373=11\npeer 3 5\nwe 3 5\n{LOGOUT}"));
}

#[test]
fn s4a_4b_6_heartbeats_test_requests_and_the_end_of_a_silent_peer() {
    logged_on("wait 30\nwe 2 0\npeer 2 0\nwait 29\nquiet\nwait 1\nwe 3 0\nopen");
    logged_on("peer 2 1 112=HELLO\nwe 2 0 112=HELLO\npeer 3 1\nwe 3 3 45=3|58=Required tag missing|371=112|372=1|373=1");
    logged_on(
        "wait 35.9\nwe 2 0\nquiet\nwait 0.1\nwe 3 1 112=TEST1\nopen\npeer 2 0 112=TEST1\nwait 35.9\nwe 4 0\nwait 0.1\nwe 5 1 112=TEST2\nopen",
    );
    logged_on("wait 36\nwe 2 0\nwe 3 1 112=TEST1\nwait 35.9\nwe 4 0\nopen\nwait 0.1\nclosed TimedOut\nquiet");
}

#[test]
fn s7_a_reject_is_counted_and_never_rejected() {
    logged_on("peer 2 3 45=1\npeer 3 3\npeer 4 3 45=x|999=1\nquiet\npeer 5 5\nwe 2 5");
}

#[test]
fn s8_resends_have_gap_fills_for_session_messages_and_duplicates_of_the_others() {
    logged_on(
        "peer 2 1 112=x\nwe 2 0 112=x\nsend D 11=a|55=INTC\nwe 3 D 11=a|55=INTC\nsend D 11=b\nwe 4 D 11=b\npeer 3 1 112=y\nwe 5 0 112=y\n
         send D 11=c\nwe 6 D 11=c\n
         peer 4 2 7=1|16=2\nwe 1 4 36=3|43=Y|123=Y\n
         peer 5 2 7=2|16=3\nwe 2 4 36=3|43=Y|123=Y\nwe 3 D 11=a|43=Y|55=INTC\n
         peer 6 2 7=4|16=4\nwe 4 D 11=b|43=Y\n
         peer 7 2 7=1|16=0\nwe 1 4 36=3|43=Y|123=Y\nwe 3 D 11=a|43=Y|55=INTC\nwe 4 D 11=b|43=Y\nwe 5 4 36=6|43=Y|123=Y\nwe 6 D 11=c|43=Y\nquiet\n
         peer 8 2 7=6|16=999999\nwe 6 D 11=c|43=Y\nquiet\npeer 9 1 112=z\nwe 7 0 112=z",
    );
}

#[test]
fn s8_a_reject_is_sent_again_and_names_its_old_time() {
    logged_on(
        "peer 2 0 55=x\nwe 2 3 45=2|58=Tag not defined for this message type|371=55|372=0|373=2\npeer 3 2 7=2|16=0\nwe 2 3 43=Y|45=2|58=Tag not defined for this message type|371=55|372=0|373=2",
    );
}

#[test]
fn s8_a_number_used_twice_is_never_answered() {
    logged_on(
        "peer 2 1 112=x\nwe 2 0 112=x\npeer 2 2 7=1|16=0\nwe 3 5 58=MsgSeqNum too low, expecting 3 but received 2\nclosed Protocol\nquiet",
    );
}

#[test]
fn s10_gap_fills() {
    logged_on("peer 2 4 123=Y|36=20\npeer 20 1 112=x\nwe 2 0 112=x");
    logged_on("peer 10 4 123=Y|36=20\nwe 2 2 7=2|16=0\npeer 20 1 112=x\nquiet\npeer 2 5\nwe 3 5");
    logged_on(
        "peer 1 4 @43=Y|@122=-1|123=Y|36=20\npeer 2 1 112=x\nwe 2 0 112=x\npeer 1 4 123=Y|36=20\nwe 3 5 58=MsgSeqNum too low, expecting 3 but received 1",
    );
    logged_on("peer 2 4 123=Y|36=2\nwe 2 3 45=2|58=Value is incorrect (out of range) for this tag|372=4|373=5\npeer 3 0\nquiet");
    logged_on("peer 2 4 123=Y|36=1\nwe 2 3 45=2|58=Value is incorrect (out of range) for this tag|372=4|373=5\npeer 3 0\nquiet");
}

#[test]
fn s11_resets_move_the_number_up_and_never_down() {
    logged_on("peer 0 4 36=25\npeer 25 1 112=x\nwe 2 0 112=x\npeer 0 4 36=50|123=N\npeer 50 1 112=y\nwe 3 0 112=y");
    logged_on("peer 0 4 36=2\npeer 2 1 112=x\nwe 2 0 112=x\npeer 9 4 36=3|123=N\npeer 3 1 112=y\nwe 3 0 112=y");
    logged_on(
        "peer 0 4 36=1\nwe 2 3 45=0|58=Value is incorrect (out of range) for this tag|372=4|373=5\npeer 2 1 112=x\nwe 3 0 112=x\n
         peer 0 4 36=1|123=N\nwe 4 3 45=0|58=Value is incorrect (out of range) for this tag|372=4|373=5\npeer 3 5\nwe 5 5",
    );
}

#[test]
fn s13_logout_is_answered_whatever_its_number() {
    logged_on(&format!("peer 2 5\nwe 2 5\n{LOGOUT}"));
    logged_on(&format!("peer 9 5\nwe 2 5\n{LOGOUT}"));
    logged_on(&format!("peer 1 5\nwe 2 5\n{LOGOUT}"));
}

#[test]
fn s14_fields_of_session_messages() {
    logged_on(
        "peer 2 0 9999=x\nwe 2 3 45=2|58=Invalid tag number|371=9999|372=0|373=0\npeer 3 0 55=x\n
         we 3 3 45=3|58=Tag not defined for this message type|371=55|372=0|373=2\npeer 4 0 @56=\nwe 4 3 45=4|58=Required tag missing|371=56|372=0|373=1\n
         peer 5 0 @49=\nwe 5 3 45=5|58=Required tag missing|371=49|372=0|373=1\npeer 6 0 @52=\nwe 6 3 45=6|58=Required tag missing|371=52|372=0|373=1\n
         peer 7 0 @52=yesterday\nwe 7 3 45=7|58=Incorrect data format for value|371=52|372=0|373=6\npeer 8 2 7=x|16=0\n
         we 8 3 45=8|58=Incorrect data format for value|371=7|372=2|373=6\npeer 9 2 7=99|16=0\n
         we 9 3 45=9|58=Value is incorrect (out of range) for this tag|371=7|372=2|373=5\npeer 10 2 7=3|16=2\n
         we 10 3 45=10|58=Value is incorrect (out of range) for this tag|371=16|372=2|373=5\npeer 11 5\nwe 11 5",
    );
}

#[test]
fn s14_21_fields_of_application_messages_are_passed_through() {
    for fields in ["40=1|40=2", "21=4", "38=+200.00", "386=3|336=A|336=B", "454=0", "999=x", "60=yesterday"] {
        logged_on(&format!("peer 2 D 11=x|{fields}\napp 2\nquiet\nopen"));
    }
    logged_on("peer 2 D @49=|11=x\nwe 2 3 45=2|58=Required tag missing|371=49|372=D|373=1\nno app\nopen");
}

#[test]
fn s15_fields_of_header_and_body_may_have_any_order_inside_their_part() {
    logged_on("peer 2 D @50=x|11=id|21=3\napp 2\npeer 3 D @57=x|@97=N|21=3|11=id\napp 3\nquiet");
}

#[test]
fn s19_possible_resends_are_passed_up() {
    logged_on("peer 2 D @97=Y|11=id\napp 2\nquiet");
}

#[test]
fn s20_both_sides_ask_at_once() {
    logged_on(
        "peer 2 0\npeer 7 0\nwe 2 2 7=3|16=0\npeer 8 2 7=1|16=2\nwe 1 4 36=3|43=Y|123=Y\n
         peer 3 0 @43=Y|@122=0\npeer 4 0 @43=Y|@122=0\npeer 5 0 @43=Y|@122=0\npeer 6 0 @43=Y|@122=0\nquiet\npeer 9 1 112=x\nwe 3 0 112=x",
    );
}

#[test]
fn reverse_route_of_rejects() {
    logged_on(
        "peer 2 0 @115=JCD|@116=CS|@144=CHI|55=x\nwe 2 3 45=2|58=Tag not defined for this message type|128=JCD|129=CS|145=CHI|371=55|372=0|373=2\n
         peer 3 0 @128=JCD|@129=CS|@145=CHI|55=x\nwe 3 3 45=3|58=Tag not defined for this message type|115=JCD|116=CS|144=CHI|371=55|372=0|373=2",
    );
}

#[test]
fn a_reset_within_the_session_starts_both_numbers_again() {
    logged_on(
        "peer 2 0\npeer 3 1 112=x\nwe 2 0 112=x\npeer 1 A 98=0|108=30|141=Y\nwe 1 A 98=0|108=30|141=Y\npeer 2 1 112=y\nwe 2 0 112=y\npeer 3 5\nwe 3 5",
    );
    logged_on("peer 2 A 98=0|108=30\nwe 2 5 58=Logon not expected\nclosed Protocol");
}
