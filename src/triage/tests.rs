//! The promises of triage, on synthetic evidence.

use proptest::prelude::*;

use super::synthetic::{Fracture, OPERATING_POINT, Scan, extent};
use super::*;

fn assess_complete(evidence: &[Evidence]) -> Assessment {
    let slices = u32::try_from(evidence.len()).unwrap();
    assess(evidence, &SeriesContext::complete(slices), &OPERATING_POINT)
}

fn levels(assessment: &Assessment) -> Vec<Level> {
    let mut levels: Vec<Level> = assessment.levels().collect();
    levels.sort();
    levels
}

fn receiving(slices: usize) -> SeriesContext {
    let slices = u32::try_from(slices).unwrap();
    SeriesContext { completeness: Completeness::Receiving, ..SeriesContext::complete(slices) }
}

#[test]
fn an_intact_neck_seen_whole_gives_none_suspected() {
    for spacing_mm in [0.5, 0.625, 1.0, 3.0] {
        let assessment = assess_complete(&Scan { spacing_mm, misread: 0.03, ..Scan::default() }.evidence());
        assert_eq!(assessment.verdict, Verdict::NoneSuspected, "at {spacing_mm} mm: {:?}", assessment.missing);
        assert_eq!(assessment.coverage.levels_seen, Level::ALL);
        assert!(assessment.missing.is_empty() && !assessment.provisional);
    }
}

#[test]
fn a_fractured_neck_is_suspected_at_its_level_at_any_spacing() {
    for level in Level::ALL {
        for spacing_mm in [0.5, 0.625, 1.0, 3.0] {
            let scan = Scan { spacing_mm, misread: 0.03, missed_boxes: 0.1, ..Scan::fractured(level) };
            let assessment = assess_complete(&scan.evidence());
            assert_eq!(assessment.verdict, Verdict::Suspected, "{level:?} at {spacing_mm} mm");
            assert_eq!(levels(&assessment), [level], "at {spacing_mm} mm");
            assert_eq!(assessment.vertebrae[level as usize], assessment.findings[0].score);
        }
    }
}

#[test]
fn the_best_slice_lies_in_the_core_of_the_vertebra_and_carries_its_box() {
    let evidence = Scan::fractured(Level::C6).evidence();
    let finding = &assess_complete(&evidence).findings[0];
    let slice = evidence.iter().find(|e| e.slice_key == finding.best_slice.slice_key).unwrap();
    assert_eq!(slice.instance_number, finding.best_slice.instance_number);
    assert!(slice.boxes.contains(&finding.best_slice.fracture_box));
    let [top, bottom] = extent(Level::C6);
    assert!((slice.z_mm - 0.5 * (top + bottom)).abs() < 6.0, "{} in {bottom} to {top}", slice.z_mm);
    let [low, high] = finding.z_range_mm;
    assert!(bottom < low && low <= slice.z_mm && slice.z_mm <= high && high < top);
    let boxed = evidence.iter().filter(|e| !e.boxes.is_empty()).count();
    assert_eq!(usize::try_from(finding.slices).unwrap(), boxed);
}

#[test]
fn scattered_false_boxes_do_not_alarm() {
    let mut alarms = 0;
    for seed in 0..50 {
        let scan = Scan { seed, false_boxes: 0.08, misread: 0.03, ..Scan::default() };
        alarms += u32::from(assess_complete(&scan.evidence()).verdict == Verdict::Suspected);
    }
    assert!(alarms <= 2, "{alarms} of 50 intact necks");
}

#[test]
fn a_lone_box_is_scored_but_no_finding() {
    let mut evidence = Scan::default().evidence();
    let slice = evidence.iter_mut().find(|e| e.z_mm < 1.0).unwrap();
    slice.boxes = vec![FractureBox { x: 200.0, y: 200.0, width: 80.0, height: 60.0, score: 0.95 }];
    let assessment = assess_complete(&evidence);
    assert_eq!(assessment.verdict, Verdict::NoneSuspected);
    assert!((0.05..0.5).contains(&assessment.vertebrae[3]), "{:?}", assessment.vertebrae);
}

#[test]
fn a_neck_cut_off_at_either_end_is_partly_analysed() {
    let cut = |above_mm, below_mm| assess_complete(&Scan { above_mm, below_mm, ..Scan::default() }.evidence());
    for (assessment, level) in [(cut(-22.0, 40.0), Level::C1), (cut(40.0, -20.0), Level::C7)] {
        let missing = vec![Missing::Levels { levels: vec![level] }];
        assert_eq!(assessment.verdict, Verdict::PartlyAnalysed { missing: missing.clone() });
        assert_eq!(assessment.missing, missing);
    }
    assert_eq!(cut(-5.0, -5.0).verdict, Verdict::NoneSuspected);
}

#[test]
fn a_short_head_series_that_shows_the_atlas_is_never_none_suspected() {
    // 28 slices of 5 mm whose last ones reach C1 and C2.
    let scan = Scan { spacing_mm: 5.0, above_mm: 105.0, below_mm: -105.0, ..Scan::default() };
    let evidence = scan.evidence();
    let assessment = assess_complete(&evidence[..28.min(evidence.len())]);
    assert_eq!(assessment.verdict.name(), "partly_analysed");
    let nothing: Vec<Evidence> =
        evidence.iter().map(|e| Evidence { vertebrae: [0.02; 7], boxes: vec![], ..e.clone() }).collect();
    let Verdict::NotAnalysed { why } = assess_complete(&nothing).verdict else { panic!("a neck in a head") };
    assert_eq!(
        why,
        format!("no cervical vertebra seen in {} slices: check that the series is a cervical spine CT", nothing.len())
    );
}

#[test]
fn a_glimpse_of_bone_in_one_slice_is_no_neck() {
    let mut evidence = Scan::default().evidence();
    evidence.iter_mut().for_each(|e| e.vertebrae = [0.02; 7]);
    evidence[10].vertebrae[2] = 0.9;
    assert_eq!(assess_complete(&evidence).verdict.name(), "not_analysed");
}

#[test]
fn a_classifier_that_sees_everything_at_once_sees_no_neck() {
    let mut evidence = Scan { misread: 0.2, ..Scan::default() }.evidence();
    for e in evidence.iter_mut().filter(|e| e.z_mm.abs() < 25.0) {
        e.vertebrae = [0.9; 7];
    }
    evidence.retain(|e| e.z_mm.abs() < 25.0 || e.z_mm > 80.0 || e.z_mm < -80.0);
    assert_ne!(assess_complete(&evidence).verdict, Verdict::NoneSuspected);
}

#[test]
fn three_slices_of_one_vertebra_are_partly_analysed() {
    let evidence: Vec<Evidence> = Scan::default().evidence().into_iter().filter(|e| e.z_mm.abs() < 1.0).collect();
    assert_eq!(evidence.len(), 3);
    assert_eq!(assess_complete(&evidence).verdict.name(), "partly_analysed");
}

#[test]
fn without_evidence_the_reason_is_told() {
    let why = |context: &SeriesContext| match assess(&[], context, &OPERATING_POINT).verdict {
        Verdict::NotAnalysed { why } => why,
        other => panic!("{other:?}"),
    };
    let context = SeriesContext::complete(12);
    assert_eq!(why(&context), "none of the 12 slices could be analysed: check the device's state");
    let refused = "the vertebra classifier is refused: its signature does not hold".to_string();
    assert_eq!(why(&SeriesContext { not_analysed: Some(refused.clone()), ..context }), refused);
}

#[test]
fn evidence_lost_on_the_way_is_missed() {
    let evidence = Scan::default().evidence();
    let arrived = u32::try_from(evidence.len()).unwrap() + 2;
    let assessment = assess(&evidence, &SeriesContext::complete(arrived), &OPERATING_POINT);
    assert_eq!(assessment.missing, [Missing::Unreadable { slices: 2 }]);
    let mut broken = evidence;
    broken[0].z_mm = f64::NAN;
    assert_eq!(assess_complete(&broken).missing, [Missing::Unreadable { slices: 1 }]);
}

#[test]
fn a_suspicion_on_a_partly_seen_neck_is_suspected_and_says_what_is_missing() {
    let evidence = Scan { below_mm: -20.0, ..Scan::fractured(Level::C3) }.evidence();
    let slices = u32::try_from(evidence.len()).unwrap();
    let gap = Gap { from_mm: 10.0, to_mm: 5.0, missing_slices: 7 };
    let context = SeriesContext {
        completeness: Completeness::LimitReached,
        gaps: vec![gap],
        slices_expected: Some(slices + 9),
        slices_unreadable: 1,
        detector_missing: None,
        ..SeriesContext::complete(slices)
    };
    let assessment = assess(&evidence, &context, &OPERATING_POINT);
    assert_eq!(assessment.verdict, Verdict::Suspected);
    assert_eq!(assessment.verdict.priority(), Priority::High);
    let expected = [
        Missing::TimeLimit,
        Missing::Levels { levels: vec![Level::C7] },
        Missing::Slices { gap },
        Missing::Count { expected: slices + 9, arrived: slices },
        Missing::Unreadable { slices: 1 },
    ];
    assert_eq!(assessment.missing, expected);
    assert_eq!(assessment.coverage.slices_missing, 9);
}

#[test]
fn a_stretch_of_the_neck_that_the_detector_never_saw_is_missing() {
    for (blind_mm, missed) in [(4.0, false), (8.0, true)] {
        let mut evidence = Scan::default().evidence();
        let blind = |e: &Evidence| e.z_mm.abs() < 0.5 * blind_mm;
        evidence.iter_mut().filter(|e| blind(e)).for_each(|e| e.vertebrae = [0.1; 7]);
        let assessment = assess_complete(&evidence);
        assert_eq!(assessment.coverage.levels_seen, Level::ALL);
        assert_eq!(assessment.verdict.name(), if missed { "partly_analysed" } else { "none_suspected" });
        if let [Missing::Slices { gap }] = assessment.missing[..] {
            assert!((gap.extent_mm() - blind_mm).abs() <= 1.0, "{gap:?}");
            assert_eq!(gap.missing_slices as usize, evidence.iter().filter(|e| blind(e)).count());
        } else {
            assert!(!missed, "{:?}", assessment.missing);
        }
    }
}

#[test]
fn without_its_detector_no_series_is_none_suspected() {
    let evidence = Scan::default().evidence();
    let reason = "the golden cases do not hold".to_string();
    let context = SeriesContext { detector_missing: Some(reason.clone()), ..SeriesContext::complete(0) };
    let missing = vec![Missing::Detector { reason }];
    assert_eq!(assess(&evidence, &context, &OPERATING_POINT).verdict, Verdict::PartlyAnalysed { missing });
}

#[test]
fn while_slices_arrive_nothing_but_a_suspicion_is_said() {
    let intact = Scan::default().evidence();
    for n in 0..=intact.len() {
        let assessment = assess(&intact[..n], &receiving(n), &OPERATING_POINT);
        assert!(assessment.provisional && assessment.missing.contains(&Missing::Receiving));
        assert_eq!(assessment.verdict.name(), "partly_analysed");
    }
}

#[test]
fn slices_still_in_the_pipeline_are_not_called_unreadable() {
    let evidence = Scan::default().evidence();
    let assessment = assess(&evidence[..100], &receiving(140), &OPERATING_POINT);
    assert_eq!(assessment.coverage.slices_unreadable, 0);
}

/// What is told while the slices of `order` arrive one by one and at the end: (slices so far, revision, levels).
fn told(order: &[Evidence]) -> Vec<(usize, Revision, Vec<Level>)> {
    let mut log = Vec::new();
    let mut last: Option<Assessment> = None;
    let mut tell = |n: usize, now: Assessment| {
        if let Some(revision) = Revision::between(last.as_ref(), &now) {
            log.push((n, revision, levels(&now)));
            last = Some(now);
        }
    };
    for n in 1..=order.len() {
        tell(n, assess(&order[..n], &receiving(n), &OPERATING_POINT));
    }
    tell(order.len(), assess_complete(order));
    log
}

#[test]
fn the_alert_comes_within_the_vertebra_and_is_confirmed() {
    for level in Level::ALL {
        for reversed in [false, true] {
            let mut order = Scan { missed_boxes: 0.1, misread: 0.02, ..Scan::fractured(level) }.evidence();
            if reversed {
                order.reverse();
            }
            let log = told(&order);
            let words: Vec<Revision> = log.iter().map(|entry| entry.1).collect();
            assert_eq!(words, [Revision::First, Revision::Confirms], "{level:?}, reversed {reversed}: {log:?}");
            let first = order.iter().position(|e| !e.boxes.is_empty()).unwrap();
            let delay_mm = (log[0].0 - first) as f64 * 0.625;
            // From below, a fracture in the ring of C1 may be one of the dens until the ring is passed.
            assert!(
                delay_mm < if level == Level::C1 && reversed { 30.0 } else { 22.0 },
                "{level:?}, reversed {reversed}: {delay_mm} mm after the first evidence"
            );
        }
    }
}

#[test]
fn a_thousand_slices_are_assessed_in_a_few_milliseconds() {
    let scan = Scan { spacing_mm: 0.25, false_boxes: 0.5, misread: 0.1, ..Scan::fractured(Level::C5) };
    let evidence = scan.evidence();
    assert!(evidence.len() > 800);
    let start = std::time::Instant::now();
    for _ in 0..10 {
        assess_complete(&evidence);
    }
    let each = start.elapsed() / 10;
    eprintln!("{} slices: {each:?}", evidence.len());
    assert!(each.as_millis() < 50, "{each:?} in an unoptimised build");
}

fn any_scan() -> impl Strategy<Value = Scan> {
    let fracture = (0_usize..7, 0.0..0.5_f64, 0.1..0.5_f64, 0.3..0.95_f32).prop_map(|(level, from, length, score)| {
        Fracture { level: Level::ALL[level], range: [from, from + length], score }
    });
    let ends = (-60.0..60.0_f64, -60.0..60.0_f64);
    let noise = (0.0..0.3_f64, 0.0..0.3_f64, 0.0..0.5_f64);
    let spacing = prop::sample::select(vec![0.5, 0.625, 1.0, 2.0, 3.0]);
    (any::<u64>(), spacing, ends, noise, prop::collection::vec(fracture, 0..3)).prop_map(
        |(seed, spacing_mm, (above_mm, below_mm), (misread, false_boxes, missed_boxes), fractures)| Scan {
            seed,
            spacing_mm,
            above_mm,
            below_mm,
            fractures,
            misread,
            false_boxes,
            missed_boxes,
        },
    )
}

fn any_context() -> impl Strategy<Value = SeriesContext> {
    let completeness = prop::sample::select(vec![
        Completeness::Receiving,
        Completeness::CountReached,
        Completeness::Quiet,
        Completeness::LimitReached,
    ]);
    let gap = (0.0..50.0_f64).prop_map(|z| Gap { from_mm: z, to_mm: z - 4.0, missing_slices: 3 });
    let rarely = prop::option::weighted(0.1, Just("out of order".to_string()));
    (completeness, 0_u32..3, prop::option::of(0_u32..600), prop::collection::vec(gap, 0..2), rarely).prop_map(
        |(completeness, slices_unreadable, slices_expected, gaps, detector_missing)| SeriesContext {
            completeness,
            slices_unreadable,
            slices_expected,
            gaps,
            detector_missing,
            ..SeriesContext::complete(200)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn none_suspected_is_never_said_with_anything_missing(scan in any_scan(), context in any_context()) {
        let evidence = scan.evidence();
        let assessment = assess(&evidence, &context, &OPERATING_POINT);
        let whole = assessment.coverage.levels_seen == Level::ALL
            && matches!(context.completeness, Completeness::CountReached | Completeness::Quiet)
            && context.gaps.is_empty()
            && context.slices_unreadable == 0
            && context.slices_expected.is_none_or(|n| n <= context.slices_arrived)
            && context.slices_arrived as usize <= evidence.len()
            && context.detector_missing.is_none();
        prop_assert!(whole || !assessment.missing.is_empty());
        match &assessment.verdict {
            Verdict::NoneSuspected => prop_assert!(whole && assessment.findings.is_empty()),
            Verdict::PartlyAnalysed { missing } => prop_assert!(!missing.is_empty() && missing == &assessment.missing),
            Verdict::Suspected => prop_assert!(!assessment.findings.is_empty()),
            Verdict::NotAnalysed { why } => prop_assert!(!why.is_empty() && !assessment.provisional),
        }
    }

    #[test]
    fn any_order_of_the_evidence_gives_the_same_assessment(
        (sorted, shuffled) in any_scan().prop_map(|s| s.evidence()).prop_flat_map(|e| (Just(e.clone()), Just(e).prop_shuffle())),
        context in any_context(),
    ) {
        let one = assess(&sorted, &context, &OPERATING_POINT);
        prop_assert_eq!(assess(&shuffled, &context, &OPERATING_POINT), one);
    }

    #[test]
    fn findings_are_sorted_unique_and_within_bounds(scan in any_scan()) {
        let assessment = assess_complete(&scan.evidence());
        prop_assert!(assessment.findings.windows(2).all(|w| w[0].score >= w[1].score));
        let mut found = levels(&assessment);
        found.dedup();
        prop_assert_eq!(found.len(), assessment.findings.len());
        prop_assert!(assessment.vertebrae.iter().all(|s| (0.0..=1.0).contains(s)));
        for finding in &assessment.findings {
            prop_assert!(finding.score >= OPERATING_POINT.finding_score && finding.slices > 0);
            prop_assert!(finding.z_range_mm[0] <= finding.best_slice.z_mm && finding.best_slice.z_mm <= finding.z_range_mm[1]);
        }
    }

    #[test]
    fn an_assessment_survives_the_wire(scan in any_scan(), context in any_context()) {
        let assessment = assess(&scan.evidence(), &context, &OPERATING_POINT);
        let text = serde_json::to_string(&assessment).unwrap();
        prop_assert_eq!(text.matches("\"missing\"").count(), 1);
        let back: Assessment = serde_json::from_str(&text).unwrap();
        prop_assert_eq!((&back.verdict, &back.missing), (&assessment.verdict, &assessment.missing));
        prop_assert_eq!(Revision::between(Some(&assessment), &back).filter(|_| !back.provisional), None);
    }

    #[test]
    fn a_suspicion_is_never_taken_back_while_slices_arrive(scan in any_scan()) {
        let log = told(&scan.evidence());
        let (end, provisional) = log.split_last().unwrap();
        prop_assert!(provisional.len() <= 4, "{:?}", log);
        let grows = provisional.iter().all(|(_, revision, _)| matches!(revision, Revision::First | Revision::Revises));
        prop_assert!(grows && (provisional.is_empty() == (end.1 == Revision::First)), "{:?}", log);
    }
}
