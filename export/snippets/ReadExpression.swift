import Foundation
import TensorFlowLite

/// Reads the expression of one face at a time; not thread-safe. Resources: FER2013.tflite, labels.txt, golden.json.
final class ExpressionReader {
    private let interpreter: Interpreter
    private let labels: [String]

    init(folder: URL) throws {
        let text = try String(contentsOf: folder.appendingPathComponent("labels.txt"), encoding: .utf8)
        labels = text.split(whereSeparator: \.isNewline).map(String.init)
        interpreter = try Interpreter(modelPath: folder.appendingPathComponent("FER2013.tflite").path)
        try interpreter.allocateTensors()
    }

    /// grey: 48 * 48 bytes, row by row, top left first.
    /// grey = 0.299 R + 0.587 G + 0.114 B of the face, cropped and resized to 48x48 as "Input" says.
    func read(_ grey: [UInt8]) throws -> [(label: String, probability: Float)] {
        let input = grey.map { Float($0) / 255 }
        try interpreter.copy(input.withUnsafeBufferPointer { Data(buffer: $0) }, toInputAt: 0)
        try interpreter.invoke()
        let output = try interpreter.output(at: 0).data
        let probabilities = output.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        return zip(labels, probabilities).map { (label: $0, probability: $1) }
    }
}

struct Golden: Decodable {
    struct Face: Decodable { let label: String, pixels: [UInt8], probabilities: [Float] }
    let faces: [Face], tolerances: [String: Float]
}
struct GoldenFaceDiffers: Error { let label: String, read: [Float], expected: [Float] }

func checkGolden(folder: URL = Bundle.main.resourceURL!) throws {
    let json = try Data(contentsOf: folder.appendingPathComponent("golden.json"))
    let golden = try JSONDecoder().decode(Golden.self, from: json)
    let tolerance = golden.tolerances["FER2013.tflite"]!
    let reader = try ExpressionReader(folder: folder)
    for face in golden.faces {
        let read = try reader.read(face.pixels).map { $0.probability }
        guard read.count == face.probabilities.count,
            zip(read, face.probabilities).allSatisfy({ abs($0 - $1) <= tolerance })
        else {
            throw GoldenFaceDiffers(label: face.label, read: read, expected: face.probabilities)
        }
    }
}
