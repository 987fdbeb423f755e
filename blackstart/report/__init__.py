"""What a person or a machine reads of a judgement: HTML, JUnit, console."""
