import android.content.Context
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import org.json.JSONObject
import kotlin.math.abs

/** Reads the expression of one face at a time; not thread-safe. Assets: FER2013.tflite, labels.txt and golden.json. */
class ExpressionReader(context: Context) : AutoCloseable {
    private val labels = context.assets.open("labels.txt").bufferedReader().use { it.readLines() }
    private val model =
        CompiledModel.create(context.assets, "FER2013.tflite", CompiledModel.Options(Accelerator.CPU))
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()

    /**
     * [grey]: 48 * 48 bytes, row by row, top left first.
     * grey = 0.299 R + 0.587 G + 0.114 B of the face, cropped and resized to 48x48 as "Input" says.
     */
    fun read(grey: ByteArray): Map<String, Float> {
        require(grey.size == 48 * 48) { "a face has 48 * 48 pixels, not ${grey.size}" }
        // Kotlin's Byte is signed: 200 is stored as -56
        inputs[0].writeFloat(FloatArray(grey.size) { (grey[it].toInt() and 0xFF) / 255f })
        model.run(inputs, outputs)
        return labels.zip(outputs[0].readFloat().asIterable()).toMap()
    }

    override fun close() {
        inputs.forEach { it.close() }
        outputs.forEach { it.close() }
        model.close()
    }
}

fun checkGolden(context: Context) = ExpressionReader(context).use { reader ->
    val golden = JSONObject(context.assets.open("golden.json").bufferedReader().use { it.readText() })
    val tolerance = golden.getJSONObject("tolerances").getDouble("FER2013.tflite")
    val faces = golden.getJSONArray("faces")
    for (face in List(faces.length()) { faces.getJSONObject(it) }) {
        val pixels = face.getJSONArray("pixels")
        val expected = face.getJSONArray("probabilities")
        val read = reader.read(ByteArray(pixels.length()) { pixels.getInt(it).toByte() }).values
        val agrees = read.size == expected.length() &&
            read.withIndex().all { (i, value) -> abs(value - expected.getDouble(i)) <= tolerance }
        check(agrees) { "the golden face '${face.getString("label")}' reads $read instead of $expected" }
    }
}
