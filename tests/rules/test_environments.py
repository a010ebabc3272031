"""Library versions in words."""

from registry_core.rules.environments import differing, in_words, minor_differs

THERE = {"python": "3.11.4", "scikit-learn": "1.6.1", "numpy": "2.1.0"}


def test_equal_versions_have_nothing_to_say() -> None:
    assert in_words(THERE, THERE) == ""
    assert not minor_differs(THERE, THERE)


def test_a_patch_of_python_reads_the_same_files() -> None:
    assert differing(THERE, {**THERE, "python": "3.11.9"}) == {}
    assert differing(THERE, {**THERE, "python": "3.12.1"}) == {"python": ("3.11.4", "3.12.1")}


def test_those_that_differ_are_named_with_both() -> None:
    here = {"python": "3.11.4", "scikit-learn": "1.9.1", "numpy": "2.4.6"}
    assert in_words(THERE, here) == "registered with scikit-learn 1.6.1 and numpy 2.1.0, here 1.9.1 and 2.4.6"
    assert minor_differs(THERE, here)


def test_a_library_that_is_not_installed_is_said() -> None:
    found = in_words({"xgboost": "3.2.0"}, {"python": "3.11.4"})
    assert found == "registered with xgboost 3.2.0, which is not installed here"
    assert minor_differs({"xgboost": "3.2.0"}, {})


def test_a_patch_is_told_and_does_not_block() -> None:
    here = {**THERE, "scikit-learn": "1.6.2"}
    assert in_words(THERE, here) == "registered with scikit-learn 1.6.1, here 1.6.2"
    assert not minor_differs(THERE, here)


def test_a_producer_that_a_file_names_is_no_library() -> None:
    assert in_words({"onnx producer": "skl2onnx"}, {}) == ""
