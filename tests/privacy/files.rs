//! Canaries in, the files and folders of a share out: a study, what lies beside it, and what is broken.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use spinewatch::phantom::companions::{dose_report, scout};
use spinewatch::phantom::dicom_writer::encode;
use spinewatch::phantom::{Direction, FractureKind, Fractures, Habits, Study, StudySpec, Syntax};
use spinewatch::triage::Level;

use super::canaries::{Canaries, Kind, every_element};

type Elements = Vec<DataElement<InMemDicomObject>>;

/// The three identifiers of a series.
struct Uids {
    study: String,
    series: String,
}

impl Uids {
    fn planted(canaries: &mut Canaries, place: &str) -> Self {
        let study = canaries.uid(format!("{place}: StudyInstanceUID"), Kind::Identifier);
        Self { study, series: canaries.uid(format!("{place}: SeriesInstanceUID"), Kind::Identifier) }
    }
}

/// A neck with a burst C5, in folders and files with names that tell; returns its StudyInstanceUID.
pub fn fractured_study(share: &Path, canaries: &mut Canaries, slices: usize) -> String {
    let study = Study::generate(&StudySpec {
        fractures: Fractures::Exactly(vec![(Level::C5, FractureKind::Burst)]),
        difficulty: 0.0..=0.05,
        slices: Some(slices),
        matrix: 256,
        direction: Direction::HeadToFoot,
        ..StudySpec::new(1)
    });
    let folder = share.join(canaries.text("folder of the patient")).join(canaries.text("folder of the study"));
    fs::create_dir_all(&folder).unwrap();
    let uids = Uids::planted(canaries, "study");
    let elements = every_element(canaries);
    for index in 0..study.len() {
        let file = encode(&study, index, &study.render(index).hounsfield, &Habits::console()).unwrap();
        let instance = canaries.uid("SOPInstanceUID", Kind::Identifier);
        let planted = altered(canaries, &file, &elements, &uids, &instance, |_| ());
        fs::write(folder.join(format!("{}.dcm", canaries.text("name of a file"))), planted).unwrap();
    }
    uids.study
}

/// `file` with all `elements`, these identifiers, `change`, a preamble and a meta header that tell.
fn altered(
    canaries: &mut Canaries,
    file: &[u8],
    elements: &Elements,
    uids: &Uids,
    instance: &str,
    change: impl FnOnce(&mut InMemDicomObject),
) -> Vec<u8> {
    let parsed = dicom_object::from_reader(file).unwrap();
    let (class, syntax) =
        (parsed.meta().media_storage_sop_class_uid().to_owned(), parsed.meta().transfer_syntax().to_owned());
    let mut object = parsed.into_inner();
    let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value.to_owned()));
    elements.iter().for_each(|element| drop(object.put(element.clone())));
    object.put(text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"));
    object.put(text(tags::STUDY_INSTANCE_UID, VR::UI, &uids.study));
    object.put(text(tags::SERIES_INSTANCE_UID, VR::UI, &uids.series));
    object.put(text(tags::SOP_INSTANCE_UID, VR::UI, instance));
    object.put(text(tags::PATIENT_NAME, VR::PN, &format!("Żółć {}^Zażółć", canaries.text("PatientName"))));
    if let Some(kinds) = object.get(tags::IMAGE_TYPE).map(|element| element.to_multi_str().unwrap().join("\\")) {
        object.put(text(tags::IMAGE_TYPE, VR::CS, &format!("{kinds}\\{}", canaries.text("ImageType"))));
    }
    change(&mut object);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(instance)
        .implementation_version_name(canaries.text("ImplementationVersionName"))
        .source_application_entity_title(canaries.text("SourceApplicationEntityTitle"))
        .sending_application_entity_title(canaries.text("SendingApplicationEntityTitle"))
        .private_information_creator_uid(canaries.uid("PrivateInformationCreatorUID", Kind::Number))
        .private_information(canaries.text("PrivateInformation").into_bytes());
    let mut bytes = Vec::new();
    object.with_exact_meta(meta.build().unwrap()).write_all(&mut bytes).unwrap();
    let preamble: Vec<u8> = (0..8).flat_map(|_| canaries.text("preamble").into_bytes()).collect();
    bytes[..128].copy_from_slice(&preamble);
    bytes
}

/// Files whose faults tempt a program to quote them, with the code of their rejection where there must be one.
pub fn broken(canaries: &mut Canaries) -> Vec<(Option<&'static str>, Vec<u8>)> {
    let study =
        Study::generate(&StudySpec { fractures: Fractures::Intact, slices: Some(12), matrix: 64, ..StudySpec::new(9) });
    let uids = Uids::planted(canaries, "broken study");
    let elements = every_element(canaries);
    let pixels = study.render(0).hounsfield;
    let slice = |syntax| encode(&study, 0, &pixels, &Habits { syntax, ..Habits::console() }).unwrap();
    let plain = slice(Syntax::ExplicitLittle);
    let mut files = Vec::new();
    let text = |tag, vr, value: String| DataElement::new(tag, vr, PrimitiveValue::from(value));

    for (code, tag, vr) in [
        (Some("unusable_pixel_spacing"), tags::PIXEL_SPACING, VR::DS),
        (Some("unusable_image_position_patient"), tags::IMAGE_POSITION_PATIENT, VR::DS),
        (Some("unusable_rescale_slope"), tags::RESCALE_SLOPE, VR::DS),
        (Some("foreign_modality"), tags::MODALITY, VR::CS),
        (Some("foreign_photometric_interpretation"), tags::PHOTOMETRIC_INTERPRETATION, VR::CS),
        (Some("foreign_rescale_type"), tags::RESCALE_TYPE, VR::LO),
        (None, tags::BURNED_IN_ANNOTATION, VR::CS),
        (None, tags::INSTANCE_NUMBER, VR::IS),
        (None, tags::SERIES_INSTANCE_UID, VR::UI),
    ] {
        let value = canaries.text(format!("bad value of {tag}"));
        let instance = canaries.uid("SOPInstanceUID", Kind::Identifier);
        let change = |object: &mut InMemDicomObject| drop(object.put(text(tag, vr, value)));
        files.push((code, altered(canaries, &plain, &elements, &uids, &instance, change)));
    }
    let mut put = |code, canaries: &mut Canaries, tag: Tag, vr, value: String| {
        let instance = canaries.uid("SOPInstanceUID", Kind::Identifier);
        let change = |object: &mut InMemDicomObject| drop(object.put(text(tag, vr, value)));
        files.push((Some(code), altered(canaries, &plain, &elements, &uids, &instance, change)));
    };
    let spaced = format!("{} {}", canaries.text("UID with a space"), canaries.text("UID with a space"));
    put("unusable_study_instance_uid", canaries, tags::STUDY_INSTANCE_UID, VR::UI, spaced);
    let class = format!("1.2.840.10008.5.1.4.1.1.{}", canaries.number("SOPClassUID", 30));
    put("foreign_sop_class_uid", canaries, tags::SOP_CLASS_UID, VR::UI, class);
    let frames = canaries.number("NumberOfFrames", 9);
    put("image_too_large", canaries, tags::NUMBER_OF_FRAMES, VR::IS, frames);

    let whole = |file: &[u8], canaries: &mut Canaries| {
        let instance = canaries.uid("SOPInstanceUID", Kind::Identifier);
        altered(canaries, file, &elements, &uids, &instance, |_| ())
    };
    let good = whole(&plain, canaries);
    files.push((Some("truncated"), good[..good.len() - 2000].to_vec()));
    files.push((Some("truncated"), good[..good.len() / 2].to_vec()));
    files.push((Some("truncated"), replaced(&good, b"\x10\0\x20\0LO", b"\x10\0\x20\0?!")));
    let charset = canaries.text("SpecificCharacterSet");
    files.push((None, replaced(&good, b"ISO_IR 192", &charset.as_bytes()[..10])));
    let syntax = format!("2.25.{}\0", canaries.number("TransferSyntaxUID", 14));
    files.push((Some("unsupported_transfer_syntax_uid"), replaced(&good, b"1.2.840.10008.1.2.1\0", syntax.as_bytes())));
    let habits = Habits::console();
    files.push((Some("foreign_photometric_interpretation"), whole(&dose_report(&study, &habits).unwrap(), canaries)));
    files.push((Some("foreign_image_type"), whole(&scout(&study, &habits).unwrap(), canaries)));
    files.push((Some("foreign_modality"), report(canaries, &elements)));
    for syntax in [Syntax::JpegLossless, Syntax::Rle, Syntax::Deflated] {
        let mut damaged = whole(&slice(syntax), canaries);
        let stream = canaries.text(format!("code stream, {syntax:?}")).repeat(20).into_bytes();
        let at = damaged.len() - stream.len() - 100;
        damaged[at..at + stream.len()].copy_from_slice(&stream);
        files.push((None, damaged));
    }
    let letter = (0..80).map(|n| format!("line {n}: {}\r\n", canaries.text("text file"))).collect::<String>();
    files.push((Some("not_dicom"), letter.into_bytes()));
    files.push((None, Vec::new()));
    files
}

/// A structured report (PS3.3 section A.35) whose content names people.
fn report(canaries: &mut Canaries, elements: &Elements) -> Vec<u8> {
    let mut object = InMemDicomObject::from_element_iter(elements.iter().cloned());
    let text = |tag, vr, value: String| DataElement::new(tag, vr, PrimitiveValue::from(value));
    let instance = canaries.uid("SOPInstanceUID", Kind::Identifier);
    object.put(text(tags::SOP_CLASS_UID, VR::UI, uids::BASIC_TEXT_SR_STORAGE.into()));
    object.put(text(tags::SOP_INSTANCE_UID, VR::UI, instance.clone()));
    object.put(text(tags::MODALITY, VR::CS, "SR".into()));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(uids::BASIC_TEXT_SR_STORAGE)
        .media_storage_sop_instance_uid(instance);
    let mut bytes = Vec::new();
    object.with_exact_meta(meta.build().unwrap()).write_all(&mut bytes).unwrap();
    bytes
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = bytes.windows(old.len()).position(|window| window == old).expect("it is there");
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

/// Writes files under names that break what is careless with names, and what is no file at all.
pub fn hostile_names(share: &Path, canaries: &mut Canaries, files: &[(Option<&str>, Vec<u8>)]) {
    let folder = share.join(OsString::from_vec(name(canaries, b"\xC3\x28 O'", b"\";--")));
    fs::create_dir_all(&folder).unwrap();
    let around: [(&[u8], &[u8]); 8] = [
        (b"", b"' OR 1=1 --.dcm"),
        (b"line\nbreak ", b"\r\n.dcm"),
        (b"%s%n%00", b"%2e%2e.dcm"),
        (b"\x1B[31m", b"\x07.dcm"),
        (b"\xFF\xFE", b"\x80.dcm"),
        (b"\"", b"\",{}.dcm"),
        (b"$(id) ", b" `id`.dcm"),
        ("\u{202E}".as_bytes(), b"\\..\\.dcm"),
    ];
    for (file, (before, behind)) in files.iter().zip(around.iter().cycle()) {
        fs::write(folder.join(OsString::from_vec(name(canaries, before, behind))), &file.1).unwrap();
    }
    symlink(canaries.text("target of a link"), folder.join(canaries.text("name of a link"))).unwrap();
    let deep = (0..40).fold(share.to_owned(), |path, _| path.join(canaries.text("deep folder")));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join(canaries.text("deep file")), b"deep").unwrap();
    let pipe = folder.join(canaries.text("name of a pipe"));
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().is_ok_and(|status| status.success()));
}

fn name(canaries: &mut Canaries, before: &[u8], behind: &[u8]) -> Vec<u8> {
    let canary = canaries.text("hostile name");
    [before, canary.as_bytes(), behind].concat()
}
