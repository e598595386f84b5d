import 'dart:convert';
import 'dart:typed_data';

import 'package:flutter/services.dart' show rootBundle;
import 'package:tflite_flutter/tflite_flutter.dart';

/// Reads the expression of one face at a time. Assets: FER2013.tflite, labels.txt and golden.json.
class ExpressionReader {
  ExpressionReader._(this._interpreter, this._labels);
  final Interpreter _interpreter;
  final List<String> _labels;

  static Future<ExpressionReader> load() async => ExpressionReader._(
        await Interpreter.fromAsset('assets/FER2013.tflite'),
        const LineSplitter().convert(await rootBundle.loadString('assets/labels.txt')),
      );

  /// [grey]: 48 * 48 bytes, row by row, top left first.
  /// grey = 0.299 R + 0.587 G + 0.114 B of the face, cropped and resized to 48x48 as "Input" says.
  Map<String, double> read(Uint8List grey) {
    final input = Float32List.fromList([for (final value in grey) value / 255]);
    final output = Float32List(_labels.length);
    _interpreter.run(input.buffer, output.buffer); // buffers: a flat list would change the input's shape
    return Map.fromIterables(_labels, output);
  }

  void close() => _interpreter.close();
}

Future<void> checkGolden(ExpressionReader reader) async {
  final golden = jsonDecode(await rootBundle.loadString('assets/golden.json')) as Map<String, dynamic>;
  final tolerance = golden['tolerances']['FER2013.tflite'] as num;
  for (final face in golden['faces'] as List) {
    final read = reader.read(Uint8List.fromList(List<int>.from(face['pixels'] as List))).values.toList();
    final expected = List<num>.from(face['probabilities'] as List);
    for (var i = 0; i < expected.length; i++) {
      if (!((read[i] - expected[i]).abs() <= tolerance)) {
        throw StateError("the golden face '${face['label']}' reads $read instead of $expected");
      }
    }
  }
}
