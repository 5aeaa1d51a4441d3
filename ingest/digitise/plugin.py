"""What OCRmyPDF is given of us: readings already made, no threads, no outside program.

OCRmyPDF loads this module by its name. It must never recognise anything itself: reading.py has done so,
and here the words are only put into the form in which OCRmyPDF lays them under the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ocrmypdf import Executor, OcrElement, hookimpl
from ocrmypdf.models.ocr_element import Baseline, BoundingBox, OcrClass
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence

from ingest.digitise import text_font
from ingest.digitise.engine import Reading

READINGS = "luutru_readings"        # key in OcrOptions.extra_attrs: page number → (Reading, dpi)
_BLOCKED = ("ocrmypdf.builtin_plugins.tesseract_ocr", "ocrmypdf.builtin_plugins.ghostscript")


def tree(reading: Reading, dpi: float, page_number: int) -> OcrElement:
    """The reading as OCRmyPDF's element tree; boxes are pixels, `page_number` counts from 0."""
    page = OcrElement(OcrClass.PAGE, bbox=BoundingBox(0, 0, reading.width, reading.height), dpi=dpi,
                      page_number=page_number)
    for line in reading.lines:
        if line.opens_paragraph or not page.children:
            page.children.append(OcrElement(OcrClass.PARAGRAPH, bbox=BoundingBox(*line.box)))
        words = [OcrElement(OcrClass.WORD, bbox=BoundingBox(*word.box), text=word.text,
                            confidence=word.confidence / 100) for word in line.words]
        page.children[-1].children.append(
            OcrElement(OcrClass.LINE, bbox=BoundingBox(*line.box), baseline=Baseline(line.slope, line.offset),
                       children=words))
    return page


class ReadingsEngine(OcrEngine):
    """Hands the readings over, page by page."""

    @staticmethod
    def version() -> str:
        """The interface's version; the readings name their own engine."""
        return "1"

    @staticmethod
    def creator_tag(options: Any) -> str:
        """What stands in the PDF's metadata until access_copy.py writes its own."""
        return "Lưu Trữ"

    def __str__(self) -> str:
        """The name in OCRmyPDF's messages."""
        return "Lưu Trữ"

    @staticmethod
    def languages(options: Any) -> set[str]:
        """Whatever is asked for: the reader has checked its data before."""
        return set(options.languages)

    @staticmethod
    def get_orientation(input_file: Path, options: Any) -> OrientationConfidence:
        """Pages come upright: reading.py has seen to it."""
        return OrientationConfidence(angle=0, confidence=0.0)

    @staticmethod
    def supports_generate_ocr() -> bool:
        """Element trees, no hOCR files."""
        return True

    @staticmethod
    def generate_ocr(input_file: Path, options: Any, page_number: int = 0) -> tuple[OcrElement, str]:
        """The tree and the text of a page already read."""
        readings: Mapping[int, tuple[Reading, float]] = options.extra_attrs[READINGS]
        reading, dpi = readings[page_number + 1]
        return tree(reading, dpi, page_number), reading.text

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: Any) -> None:
        """Never asked: trees are handed over."""
        raise NotImplementedError

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: Any) -> None:
        """Never asked: trees are handed over."""
        raise NotImplementedError


class OneAfterTheOther(Executor):
    """Pages in order, in this process: a worker process is already one of several."""

    def _execute(self, *, use_threads: bool, max_workers: int, progress_kwargs: dict[str, Any],
                 worker_initializer: Callable[..., Any], task: Callable[..., Any],
                 task_arguments: Iterable[Any], task_finished: Callable[..., Any]) -> None:
        with self.pbar_class(**progress_kwargs) as bar:  # type: ignore[no-untyped-call]
            for arguments in task_arguments:
                task_finished(task(*arguments), bar)


@hookimpl
def initialize(plugin_manager: Any) -> None:
    """Our font; and OCRmyPDF need not look for the programs that we do not use, some 0.1 s a document."""
    text_font.use()
    for name in _BLOCKED:
        plugin_manager.set_blocked(name)


@hookimpl
def register_options() -> dict[str, type[Any]]:
    """The option tables of the parts kept out: OCRmyPDF reads them all the same."""
    from ocrmypdf.builtin_plugins.ghostscript import GhostscriptOptions
    from ocrmypdf.builtin_plugins.tesseract_ocr import TesseractOptions

    return {"tesseract": TesseractOptions, "ghostscript": GhostscriptOptions}


@hookimpl
def get_ocr_engine(options: Any) -> OcrEngine:
    """The engine that hands over what was read."""
    return ReadingsEngine()


@hookimpl
def get_executor(progressbar_class: Any) -> Executor:
    """The executor without threads."""
    return OneAfterTheOther(pbar_class=progressbar_class)  # type: ignore[no-untyped-call]


@hookimpl
def rasterize_pdf_page(input_file: Path, output_file: Path, raster_dpi: Any, page_dpi: Any) -> Path:
    """A single white point in place of the page's picture, which has been read already."""
    from PIL import Image

    dpi = page_dpi or raster_dpi
    Image.new("1", (1, 1), 1).save(output_file, format="PNG", dpi=(float(dpi.x), float(dpi.y)))
    return output_file
